"""Erasing a person: the request, which holds at once, and the steps that a keeper takes afterwards (`advance`).

What the request itself does, in its transaction: keyed hashes of all addresses go on the organization's do-not-call
list, and the contacts are marked, so that no attempt starts any more and a call under way is hung up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Engine, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.traces import Traces
from app.db import insert_missing, read_transaction, write_transaction
from app.models import (
    Attempt,
    AttemptState,
    ConsentEvent,
    Contact,
    DncEntry,
    DncKind,
    Erasure,
    ErasureState,
    JobContact,
    JobContactState,
    TestCall,
    TestCallState,
)
from app.security.access import Actor, Permission, get_scoped, scoped
from app.security.pseudonyms import of_session
from app.security.secrets import Vault
from app.services.audit import record
from app.services.dnc import own_list
from app.services.privacy import emptying, stores
from app.services.privacy.finding import Person
from common.clock import utcnow
from common.errors import RemoteError

_SOURCE = "erasure"
#: How long one keeper has a request to itself; it says so again before each step.
_LEASE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a request is about, for as long as it is worked on."""

    contact_ids: Sequence[int]
    values: frozenset[tuple[str, str]]
    names: frozenset[tuple[str, str]]
    traces: Traces
    #: Known once nothing is under way any more.
    calls: Sequence[stores.PastCall] = ()

    @classmethod
    def of(cls, person: Person) -> Subject:
        return cls(person.contact_ids, person.values, person.names, person.traces)

    def sealed(self, vault: Vault) -> str:
        body = {
            "contacts": list(self.contact_ids),
            "values": sorted(self.values),
            "names": sorted(self.names),
            "traces": self.traces.to_json(),
            "calls": [call.to_json() for call in self.calls],
        }
        return vault.encrypt(json.dumps(body))

    @classmethod
    def opened(cls, vault: Vault, text: str) -> Subject:
        body = json.loads(vault.decrypt(text))
        values, names = (frozenset((kind, value) for kind, value in body[key]) for key in ("values", "names"))
        calls = [stores.PastCall.from_json(call) for call in body["calls"]]
        return cls(body["contacts"], values, names, Traces.from_json(body["traces"]), calls)


def preview(session: Session, actor: Actor, person: Person) -> dict[str, int]:
    """What an erasure would take, by kind, as far as counting is quick; the rest is searched for when it is done."""
    actor.require(Permission.PRIVACY_MANAGE)
    actor.require_organization(person.organization_id)
    attempts = select(func.count()).where(Attempt.contact_id.in_(person.contact_ids))
    ledger = emptying.named(session, ConsentEvent, person.names)
    mine = or_(DncEntry.organization_id == person.organization_id, DncEntry.organization_id.is_(None))
    counts = {
        "contacts": len(person.contacts),
        "addresses": len(person.addresses),
        "calls": session.scalar(attempts.where(Attempt.channel == "voice")),
        "messages": session.scalar(attempts.where(Attempt.channel != "voice")),
        "consents": session.scalar(
            select(func.count()).where(ConsentEvent.organization_id == person.organization_id, ledger)
        ),
        "do_not_call": session.scalar(
            select(func.count()).where(mine, emptying.named(session, DncEntry, person.names))
        ),
    }
    return {kind: count or 0 for kind, count in counts.items()}


def request_erasure(session: Session, actor: Actor, vault: Vault, person: Person, reference: str = "") -> Erasure:
    """From the commit on nobody calls the person. The reference is the site's own, and must not name anybody."""
    actor.require(Permission.PRIVACY_MANAGE)
    actor.require_organization(person.organization_id)
    now, home = utcnow(), person.organization_id
    row = Erasure(
        organization_id=home,
        requested_by=actor.user_id,
        requested_at=now,
        reference=person.traces.blot(reference.strip())[:64],
        found_by=person.found_by,
        removed={},
        subject=Subject.of(person).sealed(vault),
    )
    session.add(row)
    session.flush()
    record(session, actor, "erasure.request", row, after={"found_by": row.found_by, "reference": row.reference})
    _block(session, home, person, now)
    ids = person.contact_ids
    session.execute(
        update(Contact)
        .where(Contact.id.in_(ids))
        .values(erased_at=now, deleted_at=func.coalesce(Contact.deleted_at, now), updated_at=now)
    )
    session.execute(
        update(JobContact)
        .where(JobContact.contact_id.in_(ids), JobContact.state == JobContactState.READY)
        .values(state=JobContactState.DONE, final_code="CONTACT_DELETED", updated_at=now)
    )
    session.execute(
        update(TestCall)
        .where(*_test_calls(home, person.traces), TestCall.state != TestCallState.DONE)
        .values(cancel_requested=True)
    )
    return row


def list_erasures(session: Session, actor: Actor, limit: int = 100) -> list[Erasure]:
    """Newest first."""
    actor.require(Permission.PRIVACY_MANAGE)
    return list(session.scalars(scoped(select(Erasure), Erasure, actor).order_by(Erasure.id.desc()).limit(limit)))


def get_erasure(session: Session, actor: Actor, erasure_id: int) -> Erasure:
    actor.require(Permission.PRIVACY_MANAGE)
    return get_scoped(session, actor, Erasure, erasure_id)


def open_erasures(engine: Engine) -> list[int]:
    """Oldest first."""
    with read_transaction(engine) as session:
        statement = select(Erasure.id).where(Erasure.state != ErasureState.COMPLETED).order_by(Erasure.id)
        return list(session.scalars(statement))


def advance(engine: Engine, vault: Vault, erasure_id: int, files: stores.Files, servers: stores.MediaServers) -> bool:
    """Take all steps that can be taken now; whether that ended it. Safe to do again after any crash, and beside others:
    who has not the lease does nothing."""
    while (row := _lease(engine, erasure_id)) is not None:
        work = _Work(engine, vault, row, Subject.opened(vault, row.subject), files, servers)
        try:
            went_on = _STEPS[ErasureState(row.state)](work)
        except RemoteError as error:
            went_on = work.wait(str(error))
        if not went_on:
            return False
        if row.state == ErasureState.FILES:
            stores.scour(engine)
            return True
    return False


@dataclass(frozen=True, slots=True)
class _Work:
    engine: Engine
    vault: Vault
    row: Erasure
    subject: Subject
    files: stores.Files
    servers: stores.MediaServers

    def wait(self, why: str) -> bool:
        with write_transaction(self.engine) as session:
            values = {"detail": why[:500], "lease_until": None}
            session.execute(update(Erasure).where(Erasure.id == self.row.id).values(values))
        return False

    def done(self, state: ErasureState, removed: Mapping[str, int], subject: str) -> bool:
        """The step is over: what it removed is added up, and the lease given back for the next."""
        with write_transaction(self.engine) as session:
            fresh = session.get_one(Erasure, self.row.id)
            fresh.removed = {**fresh.removed, **{kind: count for kind, count in removed.items() if count}}
            fresh.state, fresh.detail, fresh.lease_until, fresh.subject = state, "", None, subject
            if state is ErasureState.COMPLETED:
                fresh.ended_at = utcnow()
                actor = Actor.system(self.row.organization_id)
                record(session, actor, "erasure.complete", fresh, after=dict(fresh.removed))
        return True


def _stop(work: _Work) -> bool:
    """Waits until nothing is under way, and notes which calls there were."""
    home, subject = work.row.organization_id, work.subject
    with read_transaction(work.engine) as session:
        attempts = select(Attempt.id).where(
            Attempt.contact_id.in_(subject.contact_ids), Attempt.state == AttemptState.IN_PROGRESS
        )
        tests = select(TestCall.id).where(
            *_test_calls(home, subject.traces), TestCall.state == TestCallState.IN_PROGRESS
        )
        under_way = session.scalar(attempts.union_all(tests).limit(1))
        calls = emptying.calls_of(session, home, subject.contact_ids, subject.traces)
    if under_way:
        return work.wait("an attempt is under way; the engine that has it is ending it")
    if work.files.imports_holding(work.engine, home, subject.traces):
        return work.wait("an import has the person in its file; it goes on when that is done")
    return work.done(ErasureState.DATABASE, {}, replace(subject, calls=calls).sealed(work.vault))


def _empty(work: _Work) -> bool:
    """What an import brought back meanwhile goes too."""
    row, subject = work.row, work.subject
    removed = emptying.empty(work.engine, row.organization_id, subject.contact_ids, subject.names, subject.traces)
    return work.done(ErasureState.FILES, removed, row.subject)


def _delete_files(work: _Work) -> bool:
    removed = {
        "files": work.files.remove_holding(work.engine, work.row.organization_id, work.subject.traces),
        **work.servers.forget(work.subject.calls),
    }
    return work.done(ErasureState.COMPLETED, removed, "")


_STEPS: Mapping[ErasureState, Callable[[_Work], bool]] = {
    ErasureState.STOPPING: _stop,
    ErasureState.DATABASE: _empty,
    ErasureState.FILES: _delete_files,
}


def _lease(engine: Engine, erasure_id: int) -> Erasure | None:
    now = utcnow()
    with write_transaction(engine) as session:
        taken = session.execute(
            update(Erasure)
            .where(
                Erasure.id == erasure_id,
                Erasure.state != ErasureState.COMPLETED,
                or_(Erasure.lease_until.is_(None), Erasure.lease_until < now),
            )
            .values(lease_until=now + _LEASE)
        )
        assert isinstance(taken, CursorResult)
        row = session.get_one(Erasure, erasure_id) if taken.rowcount else None
        if row is not None:
            session.expunge(row)
        return row


def _block(session: Session, home: int, person: Person, now: datetime) -> None:
    pseudonyms, listed = of_session(session), own_list(session, home)
    rows: list[dict[str, Any]] = [
        {
            "dnc_list_id": listed.id, "organization_id": home, "kind": DncKind.ERASED.value,
            "value": pseudonyms.of(kind, value), "source": _SOURCE, "proof": "", "created_at": now,
        }
        for kind, value in sorted(person.values)
    ]  # fmt: skip
    if rows:
        session.execute(insert_missing(session, DncEntry), rows)


def _test_calls(home: int, traces: Traces) -> tuple[Any, ...]:
    return (TestCall.organization_id == home, TestCall.address.in_(traces.phones))
