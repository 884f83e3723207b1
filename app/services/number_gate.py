"""The compliance gate for a number that comes from no job: test calls, and calls from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendars import Place, place_of
from app.core.compliance import Allowed, Refused, Rules, Subject, check, too_old
from app.core.phone import BadNumber, NeverDialled, parse_number
from app.models import Address, AddressKind, CallingWindow, Contact, DncKind, Trunk
from app.services import places
from app.services.address_index import in_organizations
from app.services.calendars import Calendar, read_calendar
from app.services.dnc import blocked, opt_out, subjects_of
from app.services.dnc_files import coverages
from app.services.numbering import read_numbering
from app.services.quiet import quiet_addresses


@dataclass(frozen=True, slots=True)
class NumberRules:
    """A calling window's and trunk's rules, with the organization's own calendar."""

    rules: Rules
    calendar: Calendar


def rules_of(session: Session, organization_id: int, window: CallingWindow, trunk: Trunk) -> NumberRules:
    calendar = read_calendar(session, organization_id)
    holidays = calendar.holiday_rules(window, None)
    rules = Rules(window.hours, window.always_open, trunk.simulated, guards=calendar.guards, holidays=holidays)
    return NumberRules(rules, calendar)


def check_number(
    session: Session, organization_id: int, number: str, rules: NumberRules, now: datetime
) -> Allowed | Refused:
    """As for a contact with this number, of whom nothing else is known but what the organization's lists say.

    A number of unknown zone is outside every calling window; where contacts have the number, their places count too.
    """
    holders = _holders(session, organization_id, number)
    subjects = [(str(DncKind.PHONE), number)]
    for contact in holders:
        subjects += subjects_of(contact.external_id, contact.customer_id)
    found = _places(session, rules.calendar, number, holders)
    others = tuple(other.quiet for other in quiet_addresses(session, organization_id, [number], now))
    zones = tuple(dict.fromkeys(zone for place in found for zone in place.zones))
    country = next((place.country for place in found if place.country), "")
    hits = [hit for hit in blocked(session, organization_id, subjects, now) if hit.holds(zones, now)]
    subject = Subject(
        "voice",
        zones,
        dnc=hits[0].list_name if hits else "",
        unscreened=too_old(coverages(session, organization_id, None), number, country, now),
        quiet=others,
        country=country,
        barred=read_numbering(session, organization_id).barred(number, now),
        states=tuple(dict.fromkeys(state for place in found for state in place.states)),
    )
    return check(subject, rules.rules, now)


def opt_out_number(session: Session, organization_id: int, number: str, proof: str) -> None:
    """Whoever was reached there asked for no more."""
    subjects = [(DncKind.PHONE, number)]
    for contact in _holders(session, organization_id, number):
        subjects += [(DncKind.CONTACT_ID, contact.external_id), (DncKind.CUSTOMER_ID, contact.customer_id)]
    opt_out(session, organization_id, subjects, source="call", proof=proof)


def _holders(session: Session, organization_id: int, number: str) -> list[Contact]:
    holding = select(Address.contact_id).where(
        in_organizations(session, [organization_id]), Address.kind == AddressKind.PHONE, Address.value == number
    )
    return list(session.scalars(select(Contact).where(Contact.id.in_(holding))))


def _places(session: Session, calendar: Calendar, number: str, holders: Sequence[Contact]) -> list[Place]:
    try:
        parsed = parse_number(number, "")
    except NeverDialled as error:
        parsed = error.number
    except BadNumber:
        return []
    address = places.Number(AddressKind.PHONE, number, parsed.country, parsed.time_zones)
    homes = places.homes(session, {contact.contact_list_id for contact in holders})
    known = [
        places.known(contact.time_zone, contact.attributes, homes[contact.contact_list_id], address)
        for contact in holders
    ]
    return [place_of(each, calendar.zones) for each in known or [places.known("", {}, places.Home(), address)]]
