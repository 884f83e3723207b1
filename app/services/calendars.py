"""What an organization adds to the shipped calendars: its area-code map, guard times and holidays.

Engines read them live: a change holds from the next attempt on, without importing anything again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendars import (
    Holiday,
    HolidayRules,
    Hours,
    ZoneMap,
    ZoneRule,
    is_known_zone,
    parse_hours,
    read_hours,
    state_key,
)
from app.core.compliance import Guard, GuardScope
from app.core.phone import is_country
from app.models import Base, CallingWindow, Campaign, GuardTime, HolidayRow, LineKind, OnHoliday, ZoneRuleRow
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.kept import KeptReader
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

_NUMBER = re.compile(r"\+[1-9][0-9]{0,11}")
_POSTCODE = re.compile(r"([A-Z]{2}):([A-Z0-9]{1,10})")
_STATE = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,8}")
_CLOSED = Hours(((),) * 7)
Row = TypeVar("Row", ZoneRuleRow, GuardTime, HolidayRow)
_TABLES: tuple[type[Base], ...] = (ZoneRuleRow, GuardTime, HolidayRow)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the gate goes by; `holidays` pairs each with the campaign it is for, None for all."""

    zones: ZoneMap = field(default_factory=ZoneMap)
    guards: tuple[Guard, ...] = ()
    holidays: tuple[tuple[int | None, Holiday], ...] = ()

    def holiday_rules(self, window: CallingWindow, campaign_id: int | None) -> HolidayRules:
        own = tuple(holiday for owner, holiday in self.holidays if owner in (None, campaign_id))
        return HolidayRules(own, window.public_holidays)


@dataclass(frozen=True, slots=True)
class ZoneRuleFields:
    prefix: str
    zones: Sequence[str]
    state: str = ""
    line: str = LineKind.UNKNOWN
    first: str = ""
    last: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class HolidayFields:
    """`state` such as "US-FL" or, with a country, "FL"."""

    day: date
    name: str
    country: str = ""
    state: str = ""
    campaign_id: int | None = None
    effect: str = OnHoliday.SKIP


class CalendarReader(KeptReader[Calendar]):
    def __init__(self) -> None:
        super().__init__(_TABLES, read_calendar)


def read_calendar(session: Session, organization_id: int) -> Calendar:
    rules = session.scalars(select(ZoneRuleRow).where(ZoneRuleRow.organization_id == organization_id))
    guards = session.scalars(
        select(GuardTime).where(GuardTime.organization_id == organization_id).order_by(GuardTime.id)
    )
    holidays = session.scalars(
        select(HolidayRow).where(HolidayRow.organization_id == organization_id).order_by(HolidayRow.day)
    )
    return Calendar(
        ZoneMap(
            ZoneRule(row.prefix, tuple(row.zones.split(",")), row.state, row.line, row.first, row.last) for row in rules
        ),
        tuple(Guard(GuardScope(row.scope), row.key, _hours(row.hours)) for row in guards),
        tuple(
            (
                row.campaign_id,
                Holiday(row.day, row.name, row.country, row.state, drop=row.effect == OnHoliday.DROP),
            )
            for row in holidays
        ),
    )


def list_zone_rules(
    session: Session, actor: Actor, *, search: str = "", after_id: int = 0, limit: int = 200
) -> list[ZoneRuleRow]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    statement = scoped(select(ZoneRuleRow).where(ZoneRuleRow.id > after_id), ZoneRuleRow, actor)
    if search.strip():
        statement = statement.where(ZoneRuleRow.prefix.contains(search.strip(), autoescape=True))
    return list(session.scalars(statement.order_by(ZoneRuleRow.id).limit(limit)))


def put_zone_rule(
    session: Session, actor: Actor, fields: ZoneRuleFields, organization_id: int | None = None
) -> ZoneRuleRow:
    """Add a line of the map, or replace the one with the same prefix and beginning."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    values = _checked_rule(fields)
    mine = (ZoneRuleRow.organization_id == home, ZoneRuleRow.prefix == values["prefix"])
    row = session.scalar(select(ZoneRuleRow).where(*mine, ZoneRuleRow.first == values["first"]))
    return _put(session, actor, row or ZoneRuleRow(organization_id=home), values, "zone_rule.put")


def delete_zone_rule(session: Session, actor: Actor, rule_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    _delete(session, actor, get_scoped(session, actor, ZoneRuleRow, rule_id), "zone_rule.delete")


def list_guard_times(session: Session, actor: Actor) -> list[GuardTime]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return list(session.scalars(scoped(select(GuardTime), GuardTime, actor).order_by(GuardTime.scope, GuardTime.key)))


def put_guard_time(
    session: Session,
    actor: Actor,
    scope: str,
    key: str,
    hours: Mapping[str, Sequence[Sequence[str]]],
    source: str = "",
    organization_id: int | None = None,
) -> GuardTime:
    """The hours of a zone, state or country; those it had are replaced. No hours at all close it altogether."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    kind, name = _checked_key(scope, key)
    parse_hours(hours)
    row = session.scalar(
        select(GuardTime).where(GuardTime.organization_id == home, GuardTime.scope == kind.value, GuardTime.key == name)
    )
    kept = {day: [list(pair) for pair in pairs] for day, pairs in hours.items() if pairs}
    values = {"scope": kind.value, "key": name, "hours": kept, "source": source.strip()[:255]}
    return _put(session, actor, row or GuardTime(organization_id=home), values, "guard_time.put")


def delete_guard_time(session: Session, actor: Actor, guard_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    _delete(session, actor, get_scoped(session, actor, GuardTime, guard_id), "guard_time.delete")


def list_holidays(session: Session, actor: Actor, since: date | None = None) -> list[HolidayRow]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    statement = scoped(select(HolidayRow), HolidayRow, actor)
    if since is not None:
        statement = statement.where(HolidayRow.day >= since)
    return list(session.scalars(statement.order_by(HolidayRow.day, HolidayRow.id)))


def add_holiday(
    session: Session, actor: Actor, fields: HolidayFields, organization_id: int | None = None
) -> HolidayRow:
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    name, country = fields.name.strip(), fields.country.strip().upper()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    if country and not is_country(country):
        raise Refused(f"country: {country} is no country; write two letters such as US, or leave it empty")
    state = state_key(country, fields.state)
    if state and not _STATE.fullmatch(state):
        raise Refused("state: write such as US-FL, or FL beside the country")
    if fields.effect not in (OnHoliday.SKIP, OnHoliday.DROP):
        raise Refused("effect: use skip or drop")
    if fields.campaign_id is not None:
        get_scoped(session, Actor.system(home), Campaign, fields.campaign_id)
    values = {
        "day": fields.day,
        "name": name,
        "country": country,
        "state": state,
        "campaign_id": fields.campaign_id,
        "effect": str(fields.effect),
    }
    return _put(session, actor, HolidayRow(organization_id=home), values, "holiday.create")


def delete_holiday(session: Session, actor: Actor, holiday_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    _delete(session, actor, get_scoped(session, actor, HolidayRow, holiday_id), "holiday.delete")


def _put(session: Session, actor: Actor, row: Row, values: dict[str, Any], action: str) -> Row:
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = utcnow()
    session.add(row)
    session.flush()
    record(session, actor, action, row, after={name: _plain(value) for name, value in values.items()})
    return row


def _delete(session: Session, actor: Actor, row: ZoneRuleRow | GuardTime | HolidayRow, action: str) -> None:
    before = {
        column.name: _plain(getattr(row, column.name))
        for column in row.__table__.columns
        if column.name not in ("id", "organization_id", "updated_at")
    }
    record(session, actor, action, row, before=before)
    session.delete(row)
    session.flush()


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _checked_rule(fields: ZoneRuleFields) -> dict[str, Any]:
    prefix = fields.prefix.strip().upper().replace(" ", "")
    postcode = _POSTCODE.fullmatch(prefix)
    if not (_NUMBER.fullmatch(prefix) or (postcode and is_country(postcode[1]))):
        raise Refused("prefix: write + and the first digits of numbers, such as +1212, or a postcode such as US:902")
    first, last = fields.first.strip(), fields.last.strip()
    if (first or last) and not (
        postcode is None and first.isdecimal() and last.isdecimal() and len(first) == len(last) <= 12 and first <= last
    ):
        raise Refused("first: a range needs two numbers of as many digits, the smaller one first, such as 200 and 599")
    zones = [zone.strip() for zone in fields.zones if zone.strip()]
    unknown = next((zone for zone in zones if not is_known_zone(zone)), None)
    if not zones or unknown:
        raise Refused(f"zones: {unknown or 'none'} is not a known time zone; write such as America/New_York")
    state = fields.state.strip().upper()
    if state and not re.fullmatch(r"[A-Z0-9]{1,8}|" + _STATE.pattern, state):
        raise Refused("state: write such as FL")
    if fields.line not in list(LineKind):
        raise Refused("line: use wired, wireless, or leave it empty")
    texts = {"first": first, "last": last, "state": state, "line": str(fields.line), "note": fields.note.strip()[:255]}
    return {"prefix": prefix, "zones": ",".join(dict.fromkeys(zones))[:1000], **texts}


def _checked_key(scope: str, key: str) -> tuple[GuardScope, str]:
    if scope not in list(GuardScope):
        raise Refused(f"scope: use {', '.join(GuardScope)}")
    kind, name = GuardScope(scope), key.strip()
    if kind is GuardScope.ZONE:
        if not is_known_zone(name):
            raise Refused(f"key: {name!r} is not a known time zone; write such as America/New_York")
    elif kind is GuardScope.STATE:
        name = name.upper()
        if not _STATE.fullmatch(name):
            raise Refused("key: write the country and the state, such as US-FL")
    else:
        name = name.upper()
        if not is_country(name):
            raise Refused(f"key: {name!r} is no country; write two letters such as FR")
    return kind, name


def _hours(hours: Mapping[str, Any]) -> Hours:
    """What nobody can read is closed."""
    try:
        return read_hours(hours)
    except Refused:
        return _CLOSED
