"""The compliance gate for a number that comes from no job: test calls, and calls from the command line."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.compliance import Allowed, Refused, Rules, Subject, check
from app.core.phone import BadNumber, parse_number
from app.models import Address, AddressKind, CallingWindow, Contact, DncKind, Trunk
from app.services.dnc import blocked, opt_out
from app.services.quiet import quiet_addresses


def rules_of(window: CallingWindow, trunk: Trunk) -> Rules:
    return Rules(window.hours, window.always_open, trunk.simulated)


def check_number(session: Session, organization_id: int, number: str, rules: Rules, now: datetime) -> Allowed | Refused:
    """As for a contact with this number, of whom nothing else is known but what the organization's lists say.

    A number of unknown zone is outside every calling window; where contacts have the number, their zones count too.
    """
    holders = _holders(session, organization_id, number)
    subjects = [(str(DncKind.PHONE), number)]
    subjects += [(str(DncKind.CONTACT_ID), external_id) for external_id, _ in holders]
    hits = blocked(session, organization_id, subjects, now)
    zones = {*_zones(number), *(zone for _, zone in holders if zone)}
    others = tuple(other.quiet for other in quiet_addresses(session, organization_id, [number], now))
    subject = Subject("voice", tuple(sorted(zones)), dnc=hits[0].list_name if hits else "", quiet=others)
    return check(subject, rules, now)


def opt_out_number(session: Session, organization_id: int, number: str, proof: str) -> None:
    """Whoever was reached there asked for no more."""
    subjects = [(DncKind.PHONE, number)]
    subjects += [(DncKind.CONTACT_ID, external_id) for external_id, _ in _holders(session, organization_id, number)]
    opt_out(session, organization_id, subjects, source="call", proof=proof)


def _holders(session: Session, organization_id: int, number: str) -> list[tuple[str, str]]:
    """Own id and given time zone of the contacts who have the number."""
    rows = session.execute(
        select(Contact.external_id, Contact.time_zone)
        .join(Address, Address.contact_id == Contact.id)
        .where(Address.organization_id == organization_id, Address.kind == AddressKind.PHONE, Address.value == number)
        .distinct()
    )
    return [(external_id, time_zone) for external_id, time_zone in rows]


def _zones(number: str) -> tuple[str, ...]:
    try:
        return parse_number(number, "").time_zones
    except BadNumber:
        return ()
