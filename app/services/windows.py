"""Calling windows: when people may be called, each in their own time zone.

Engines read a window live: a change holds from the next attempt on, in jobs that run now too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendars import WEEKDAYS, Hours, parse_hours
from app.core.calendars.hours import MINUTES_A_DAY
from app.core.calendars.presets import PRESETS, Preset
from app.models import CallingWindow, Campaign, OnHoliday
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from app.services.usage import Use, use_of
from common.errors import Refused

_SPAN = re.compile(r"(\d{1,2})(?::(\d\d))?\s*(?:-|\N{EN DASH}|to)\s*(\d{1,2})(?::(\d\d))?")
_MOST_SPANS = 8


@dataclass(frozen=True, slots=True)
class WindowFields:
    """`hours` as `parse_hours` reads them; `source` says where the figures come from, and from when."""

    name: str
    hours: Mapping[str, Sequence[Sequence[str]]]
    source: str = ""
    public_holidays: str = OnHoliday.IGNORE


def list_windows(session: Session, actor: Actor) -> list[CallingWindow]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return list(
        session.scalars(
            scoped(select(CallingWindow), CallingWindow, actor).order_by(CallingWindow.name, CallingWindow.id)
        )
    )


def get_window(session: Session, actor: Actor, window_id: int) -> CallingWindow:
    actor.require(Permission.CAMPAIGNS_VIEW)
    return get_scoped(session, actor, CallingWindow, window_id)


def window_use(session: Session, actor: Actor, window_id: int) -> Use:
    return use_of(session, Campaign.calling_window_id, get_window(session, actor, window_id).id)


def create_window(
    session: Session, actor: Actor, fields: WindowFields, organization_id: int | None = None
) -> CallingWindow:
    """Never one that is always open: those are made for tests and the example alone."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    values = checked(fields)
    _refuse_taken_name(session, home, values["name"], None)
    window = CallingWindow(organization_id=home, **values)
    session.add(window)
    session.flush()
    record(session, actor, "calling_window.create", window, after=values)
    return window


def update_window(session: Session, actor: Actor, window_id: int, fields: WindowFields) -> CallingWindow:
    actor.require(Permission.SETTINGS_MANAGE)
    window = get_window(session, actor, window_id)
    if window.always_open:
        raise Refused(f"name: {window.name!r} is open around the clock and is not edited; make another window")
    values = checked(fields)
    _refuse_taken_name(session, window.organization_id, values["name"], window.id)
    changed = {name: value for name, value in values.items() if getattr(window, name) != value}
    before = {name: getattr(window, name) for name in changed}
    for name, value in changed.items():
        setattr(window, name, value)
    session.flush()
    record(session, actor, "calling_window.update", window, before=before, after=changed)
    return window


def delete_window(session: Session, actor: Actor, window_id: int) -> None:
    """Refused while a campaign or a running job uses it."""
    actor.require(Permission.SETTINGS_MANAGE)
    window = get_window(session, actor, window_id)
    use = use_of(session, Campaign.calling_window_id, window.id)
    if use.words:
        raise Refused(f"the calling window {window.name!r} is used by {use.words}; take another window there first")
    record(session, actor, "calling_window.delete", window, before={"name": window.name, "hours": window.hours})
    session.delete(window)
    session.flush()


def ensure_default_windows(session: Session, actor: Actor, organization_id: int) -> None:
    """Give an organization that has no window with lawful hours one of each preset."""
    lawful = select(CallingWindow.id).where(
        CallingWindow.organization_id == organization_id, CallingWindow.always_open.is_(False)
    )
    actor.require(Permission.SETTINGS_MANAGE)
    if session.scalar(lawful.limit(1)) is None:
        for preset in PRESETS:
            create_window(session, actor, fields_of(preset), organization_id)


def find_preset(key: str) -> Preset | None:
    return next((preset for preset in PRESETS if preset.key == key), None)


def fields_of(preset: Preset) -> WindowFields:
    return WindowFields(preset.name, preset.hours, preset.dated_source)


def checked(fields: WindowFields) -> dict[str, Any]:
    """The column values, or Refused naming the first field that is wrong and how to mend it."""
    name, source = fields.name.strip(), fields.source.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    if len(source) > 255 or not source.isprintable():
        raise Refused("source: 255 printable characters at most")
    hours = parse_hours(fields.hours)
    crowded = next((day for day, pairs in fields.hours.items() if len(pairs) > _MOST_SPANS), None)
    if crowded:
        raise Refused(f"{crowded}: {_MOST_SPANS} spans a day at most")
    if not any(hours.spans):
        raise Refused("mon: a window without any hours never opens; give at least one day its hours")
    if is_around_the_clock(hours):
        raise Refused("mon: open day and night all week is no calling window; leave the nights out")
    kept = {day: [list(pair) for pair in fields.hours[day]] for day in WEEKDAYS if fields.hours.get(day)}
    if fields.public_holidays not in list(OnHoliday):
        raise Refused("public_holidays: use skip, drop, or leave it empty")
    return {"name": name, "hours": kept, "source": source, "public_holidays": str(fields.public_holidays)}


def is_around_the_clock(hours: Hours) -> bool:
    return all(day == ((0, MINUTES_A_DAY),) for day in hours.spans)


def read_spans(day: str, text: str) -> list[list[str]]:
    """`8-12, 13:30-21` as pairs. Raise Refused naming the day and the mend."""
    pairs = []
    for part in re.split(r"[,;]", text):
        if not part.strip():
            continue
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise Refused(f"{day}: {part.strip()!r} is not a span; write such as 08:00-12:00, 13:00-21:00")
        start_hour, start_minute, end_hour, end_minute = match.groups()
        pairs.append([f"{int(start_hour):02}:{start_minute or '00'}", f"{int(end_hour):02}:{end_minute or '00'}"])
    return pairs


def write_spans(pairs: Sequence[Sequence[str]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in pairs)


def _refuse_taken_name(session: Session, organization_id: int, name: str, own_id: int | None) -> None:
    taken = session.scalar(
        select(CallingWindow.id).where(CallingWindow.organization_id == organization_id, CallingWindow.name == name)
    )
    if taken is not None and taken != own_id:
        raise Refused(f"name: there is a calling window named {name!r} already; choose another")
