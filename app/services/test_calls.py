"""Test calls of a script's revision: asked for here, gated, placed and followed by the engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.core.phone import PLAIN, BadNumber, Numbering
from app.models import (
    CallingWindow,
    Campaign,
    Lease,
    OutboxEvent,
    ScriptRevision,
    TestCall,
    TestCallState,
    Trunk,
)
from app.security.access import Actor, NotFound, Permission, scoped
from app.services.audit import record
from app.services.choices import Choice
from app.services.numbering import read_numbering
from app.services.scripts import get_revision
from common.clock import utcnow
from common.errors import Refused
from common.ids import new_id
from common.masking import mask_number

TOPIC = "test_call"
#: Test calls under way in one organization at most.
MOST = 5
MOST_VALUES = 64

_SYNTAX = re.compile(r"\+\d{3,15}")
_SENDER = re.compile(r"\+?\d{3,15}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A test call as a person fills it in."""

    number: str
    trunk_id: int
    calling_window_id: int
    sender: str
    #: What the script finds as `session.connection.ccxml.values.*`.
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """What a test call of one revision may be made of; `sender` is the caller number used last."""

    trunks: Sequence[Choice]
    calling_windows: Sequence[Choice]
    sender: str


def options(session: Session, actor: Actor, revision_id: int) -> Options:
    home = get_revision(session, actor, revision_id).organization_id
    windows = select(CallingWindow).where(CallingWindow.organization_id == home).order_by(CallingWindow.name)
    trunks = select(Trunk).where(_usable_by(home)).order_by(Trunk.simulated.desc(), Trunk.name, Trunk.id)
    tested = select(TestCall.sender).where(TestCall.organization_id == home).order_by(TestCall.created_at.desc())
    shown = select(Campaign.caller_id).where(Campaign.organization_id == home).order_by(Campaign.updated_at.desc())
    return Options(
        trunks=[Choice(row.id, row.name, "simulated" if row.simulated else "") for row in session.scalars(trunks)],
        calling_windows=[
            Choice(row.id, row.name, "simulated trunk only" if row.always_open else "")
            for row in session.scalars(windows)
        ],
        sender=session.scalar(tested.limit(1)) or session.scalar(shown.limit(1)) or "",
    )


def request(session: Session, actor: Actor, revision_id: int, wanted: Wanted) -> TestCall:
    """Ask the engine for the call. Raise Refused naming the field and the mend."""
    actor.require(Permission.SCRIPTS_EDIT, Permission.JOBS_CONTROL)
    revision = get_revision(session, actor, revision_id)
    if any(problem["severity"] == "error" for problem in revision.problems):
        raise Refused(f"revision {revision.number} has errors; mend them and upload it again before it can be heard")
    trunk, window = _trunk_and_window(session, revision, wanted)
    sender = wanted.sender.strip()
    if not _SENDER.fullmatch(sender):
        raise Refused("sender: use + and 3 to 15 digits; it is the number the phone shows")
    _refuse_too_many(session, revision.organization_id)
    call = TestCall(
        id=new_id(),
        organization_id=revision.organization_id,
        script_revision_id=revision.id,
        trunk_id=trunk.id,
        calling_window_id=window.id,
        address=checked_number(wanted.number, trunk, read_numbering(session, revision.organization_id)),
        sender=sender,
        values=checked_values(wanted.values),
        created_by=actor.user_id,
        created_at=utcnow(),
    )
    session.add(call)
    session.flush()
    _tell_engines(session, call)
    after = {"revision": revision.id, "number": mask_number(call.address), "trunk": trunk.name, "window": window.name}
    record(session, actor, "test_call.request", call, after=after)
    return call


def cancel(session: Session, actor: Actor, test_call_id: str) -> TestCall:
    """One that no engine has taken ends at once, one under way is hung up by its engine. Asking again is no error."""
    actor.require(Permission.SCRIPTS_EDIT, Permission.JOBS_CONTROL)
    call = _get(session, actor, test_call_id, lock=True)
    if call.state == TestCallState.DONE or call.cancel_requested:
        return call
    call.cancel_requested = True
    if call.state == TestCallState.QUEUED:
        call.state, call.completion_code, call.ended_at = TestCallState.DONE, "CANCELLED_BY_SYSTEM", utcnow()
        call.reason = "cancelled before it was placed"
    session.flush()
    _tell_engines(session, call)
    record(session, actor, "test_call.cancel", call)
    return call


def get_test_call(session: Session, actor: Actor, test_call_id: str) -> TestCall:
    actor.require(Permission.SCRIPTS_VIEW)
    return _get(session, actor, test_call_id)


def list_test_calls(session: Session, actor: Actor, revision_id: int, limit: int = 10) -> list[TestCall]:
    """Newest first."""
    revision = get_revision(session, actor, revision_id)
    wanted = select(TestCall).where(TestCall.script_revision_id == revision.id)
    return list(session.scalars(wanted.order_by(TestCall.created_at.desc(), TestCall.id.desc()).limit(limit)))


def engine_runs(session: Session, now: datetime) -> bool:
    """Is there anybody to place a call?"""
    alive = select(Lease.name).where(Lease.name.like("engine:%"), Lease.expires_at > now).limit(1)
    return session.scalar(alive) is not None


def checked_number(text: str, trunk: Trunk, numbering: Numbering = PLAIN) -> str:
    """E.164. The simulated carrier takes numbers that no country has."""
    text = text.strip()
    if trunk.simulated and _SYNTAX.fullmatch(text):
        return text
    try:
        return numbering.read(text, "", utcnow()).e164
    except BadNumber as error:
        raise Refused(f"number: {error}") from error


def checked_values(values: dict[str, str]) -> dict[str, str]:
    if len(values) > MOST_VALUES:
        raise Refused(f"values: {MOST_VALUES} at most")
    for name, value in values.items():
        if not name.isidentifier() or len(name) > 120 or len(value) > 2000:
            raise Refused(f"values: {name[:40]!r}: a name is letters, digits and _; a value 2,000 characters at most")
    return dict(values)


def read_values(text: str) -> dict[str, str]:
    """From lines of NAME=VALUE. Raise Refused naming the line."""
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if not line.strip():
            continue
        if not equals:
            raise Refused(f"values: line {number}: write NAME=VALUE, such as first_name=Ana")
        values[name.strip()] = value.strip()
    return values


def _trunk_and_window(session: Session, revision: ScriptRevision, wanted: Wanted) -> tuple[Trunk, CallingWindow]:
    home = revision.organization_id
    trunk = session.scalar(select(Trunk).where(Trunk.id == wanted.trunk_id, _usable_by(home)))
    if trunk is None:
        raise Refused("trunk_id: choose one of the trunks listed")
    mine = (CallingWindow.id == wanted.calling_window_id) & (CallingWindow.organization_id == home)
    window = session.scalar(select(CallingWindow).where(mine))
    if window is None:
        raise Refused("calling_window_id: choose one that belongs to this organization")
    if window.always_open and not trunk.simulated:
        raise Refused(
            f"calling_window_id: {window.name!r} is open around the clock, which only a simulated trunk accepts; "
            "choose a window with lawful hours"
        )
    return trunk, window


def _usable_by(organization_id: int) -> ColumnElement[bool]:
    return or_(Trunk.organization_id == organization_id, Trunk.organization_id.is_(None))


def _refuse_too_many(session: Session, organization_id: int) -> None:
    unfinished = (TestCall.organization_id == organization_id) & (TestCall.state != TestCallState.DONE)
    if (session.scalar(select(func.count()).select_from(TestCall).where(unfinished)) or 0) >= MOST:
        raise Refused(f"number: {MOST} test calls are under way; wait for one to end, or cancel it")


def _get(session: Session, actor: Actor, test_call_id: str, *, lock: bool = False) -> TestCall:
    wanted = scoped(select(TestCall).where(TestCall.id == test_call_id), TestCall, actor)
    found = session.scalar(wanted.with_for_update() if lock else wanted)
    if found is None:
        raise NotFound(f"test call {test_call_id}: there is none")
    return found


def _tell_engines(session: Session, call: TestCall) -> None:
    payload = {"test_call_id": call.id}
    session.add(OutboxEvent(topic=TOPIC, payload=payload, created_at=utcnow()))
