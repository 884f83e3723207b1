"""The rows of test calls: every step is one short transaction, committed before anything leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Engine, select, update
from sqlalchemy.orm import Session

from app.core.compliance import Refused as RefusedByGate
from app.core.phone import Dialled, NotDialled
from app.db import read_transaction, write_transaction
from app.models import CallingWindow, ScriptRevision, TestCall, TestCallState, Trunk
from app.services.number_gate import check_number, opt_out_number, rules_of
from app.services.numbering import read_numbering, site_of
from common import control
from common.control import CallStatus
from engine import outcomes
from engine.plans import PlanReader, TrunkPlan, read_codes, read_hosts
from engine.routes import Port
from engine.store import Outcome

#: One that nobody could place for so long is given up: a phone must not ring long after somebody asked for it.
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Following:
    """A test call under way."""

    id: str
    organization_id: int
    trunk_id: int
    simulated: bool
    media_server: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """What the call is to be."""

    address: str
    sender: str
    trunk: control.Trunk
    entry: str
    values: Mapping[str, Any]
    #: Origins that the script may fetch from.
    hosts: tuple[str, ...] = ()
    #: What the trunk dials for the address, "" for itself.
    dialled: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`unwanted` says why it is to end, "" while it is not."""

    id: str
    queued: bool
    owner: str
    unwanted: str = ""


class TestCallRows:
    __test__ = False

    def __init__(self, engine: Engine, plans: PlanReader) -> None:
        self._engine = engine
        self._plans = plans

    def unfinished(self, now: datetime) -> list[Unfinished]:
        with read_transaction(self._engine) as session:
            rows = session.scalars(
                select(TestCall).where(TestCall.state != TestCallState.DONE).order_by(TestCall.created_at)
            ).all()
            return [
                Unfinished(row.id, row.state == TestCallState.QUEUED, row.owner, _unwanted(session, row, now))
                for row in rows
            ]

    def trunk(self, key: str) -> TrunkPlan | None:
        """By which it is to leave; None where the call is gone."""
        with read_transaction(self._engine) as session:
            row = session.get(TestCall, key)
            return None if row is None else self._plans.trunk(session.get_one(Trunk, row.trunk_id))

    def begin(self, key: str, owner: str, port: Port | None, now: datetime) -> tuple[Following, Order] | None:
        """The gate's look and the commit in one.

        None where it may not leave now (there is no port), or never: then it has its code.
        """
        with write_transaction(self._engine) as session:
            row = session.get(TestCall, key, with_for_update=True)
            if row is None or row.state != TestCallState.QUEUED:
                return None
            trunk = session.get_one(Trunk, row.trunk_id)
            refusal = _refusal(session, row, trunk, now)
            made = read_numbering(session, row.organization_id).dial(row.address, site_of(trunk))
            if refusal is None and isinstance(made, NotDialled):
                refusal = "NO_CALLABLE_ADDRESS", str(made)
            if refusal is not None:
                _finish(row, Outcome(refusal[0], now, reason=refusal[1]))
                return None
            if port is None:
                return None
            row.state, row.owner, row.started_at = TestCallState.IN_PROGRESS, owner, now
            row.media_server, row.boot_id = port.server, port.boot_id
            entry = session.get_one(ScriptRevision, row.script_revision_id).entry
            line = port.trunks[0]
            hosts = read_hosts(session, [row.organization_id])[row.organization_id]
            row.dialled = made.text if isinstance(made, Dialled) and made.text != row.address else ""
            order = Order(row.address, row.sender, line, entry, dict(row.values), hosts, row.dialled)
            return _following(row, trunk), order

    def take_over(self, key: str, from_owner: str, owner: str) -> Following | None:
        """One whose engine is gone, or that we lost sight of; None where another was faster."""
        mine = (TestCall.id == key) & (TestCall.owner == from_owner) & (TestCall.state == TestCallState.IN_PROGRESS)
        with write_transaction(self._engine) as session:
            changed = session.execute(update(TestCall).where(mine).values(owner=owner))
            assert isinstance(changed, CursorResult)
            if changed.rowcount != 1:
                return None
            row = session.get_one(TestCall, key)
            return _following(row, session.get_one(Trunk, row.trunk_id))

    def progress(self, following: Following, status: CallStatus, now: datetime) -> None:
        with write_transaction(self._engine) as session:
            row = session.get(TestCall, following.id, with_for_update=True)
            if row is not None and row.state == TestCallState.IN_PROGRESS:
                _note(row, outcomes.of_status(status, {}, now))

    def finish(self, following: Following, status: CallStatus | None, code: str, reason: str, now: datetime) -> str:
        """The outcome, once; the person's wish to hear no more with it. Answers the completion code."""
        with write_transaction(self._engine) as session:
            row = session.get(TestCall, following.id, with_for_update=True)
            if row is None or row.state == TestCallState.DONE:
                return row.completion_code if row is not None else ""
            codes = read_codes(session, [row.organization_id])[row.organization_id]
            outcome = Outcome(code, now, reason=reason)
            if status is not None:
                _note(row, heard := outcomes.of_status(status, codes, now))
                outcome = heard if not code else outcome
            _finish(row, outcome)
            if reason:
                row.reason = reason[:255]
            if row.completion_code in codes and codes[row.completion_code].do_not_call and not following.simulated:
                opt_out_number(session, row.organization_id, row.address, row.id)
            return row.completion_code


def _unwanted(session: Session, row: TestCall, now: datetime) -> str:
    if row.cancel_requested:
        return "cancelled by a person"
    if row.state == TestCallState.IN_PROGRESS and row.answered_at is None:
        window, trunk = session.get_one(CallingWindow, row.calling_window_id), session.get_one(Trunk, row.trunk_id)
        rules = rules_of(session, row.organization_id, window, trunk)
        verdict = check_number(session, row.organization_id, row.address, rules, now)
        if isinstance(verdict, RefusedByGate) and verdict.code == "IN_DNC_LIST":
            return verdict.detail
    return ""


def _refusal(session: Session, row: TestCall, trunk: Trunk, now: datetime) -> tuple[str, str] | None:
    """Code and words where it must not leave."""
    if now - row.created_at > PATIENCE:
        return "NO_PORTS", f"nobody could place it within {PATIENCE.total_seconds():.0f} s; ask for it again"
    if trunk.paused_until is not None and trunk.paused_until > now:
        return "TRUNK_FAULT", f"trunk {trunk.name!r} rests until {trunk.paused_until:%H:%M:%S} UTC"
    window = session.get_one(CallingWindow, row.calling_window_id)
    rules = rules_of(session, row.organization_id, window, trunk)
    verdict = check_number(session, row.organization_id, row.address, rules, now)
    if not isinstance(verdict, RefusedByGate):
        return None
    until = f", until {verdict.until:%Y-%m-%d %H:%M} UTC" if verdict.until else ""
    return verdict.code, f"{verdict.detail}{until}"


def _following(row: TestCall, trunk: Trunk) -> Following:
    return Following(row.id, row.organization_id, trunk.id, trunk.simulated, row.media_server, row.boot_id)


def _note(row: TestCall, heard: Outcome) -> None:
    """What the media server told, at the end or before it."""
    row.disposition, row.sip_status, row.reason = heard.disposition, heard.sip_status, heard.reason[:255]
    row.ringing_at, row.answered_at = heard.ringing_at, heard.answered_at
    row.result, row.trace = dict(heard.result or {}), [dict(step) for step in heard.trace]


def _finish(row: TestCall, outcome: Outcome) -> None:
    row.state, row.completion_code = TestCallState.DONE, outcome.completion_code
    row.ended_at, row.reason = outcome.ended_at, outcome.reason[:255]
