"""The database step of an erasure: every row that is about the person is emptied or deleted, and every text that names
them is blotted out. Rows that figures are counted from stay, without anything that tells whose they are.

A table that is new since this was written is looked through like the others, and what hangs on a contact or on an
attempt by a foreign key is deleted: nobody has to remember to add it here. Only what `blotting` lists as impersonal
is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    and_,
    delete,
    func,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.core.traces import Traces, anonymous
from app.db import among, insert_missing, read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    AuditEntry,
    Base,
    ConsentEvent,
    ConsentEvidence,
    Contact,
    ContactName,
    DncEntry,
    DncKind,
    JobContact,
    TestCall,
)
from app.security.pseudonyms import of_session
from app.services import undo_words
from app.services.address_index import in_organizations
from app.services.privacy import blotting, marking
from app.services.privacy.stores import PastCall
from common.clock import utcnow

#: Keys of an attempt's result that are figures of the call.
_FIGURES = ("rtp", "answer")


def named(session: Session, model: Any, names: Collection[tuple[str, str]]) -> ColumnElement[bool]:
    """Rows of a ledger or list that name the person by `kind` and `value`."""
    kinds = sorted({kind for kind, _ in names})
    each = [
        and_(model.kind == kind, among(session, model.value, sorted(value for other, value in names if other == kind)))
        for kind in kinds
    ]
    return or_(*each) if each else model.kind.in_([])


def calls_of(session: Session, home: int, contact_ids: Sequence[int], traces: Traces) -> list[PastCall]:
    """Calls to the person, ended; also those to a number that was another contact's then."""
    return past_calls(session, attempts_of(session, home, contact_ids, traces))


def past_calls(session: Session, which: ColumnElement[bool]) -> list[PastCall]:
    """Of the attempts, the calls that a media server placed."""
    rows = session.execute(
        select(Attempt.id, Attempt.media_server, Attempt.started_at, Attempt.ended_at).where(
            which, Attempt.channel == "voice", Attempt.media_server != ""
        )
    )
    return [
        PastCall(attempt, server, began.isoformat(), (ended or began).isoformat())
        for attempt, server, began, ended in rows
    ]


def empty(
    engine: Engine, home: int, contact_ids: Sequence[int], names: Collection[tuple[str, str]], traces: Traces
) -> dict[str, int]:
    """All of it, in short transactions; how many rows by kind. Doing it again finds what came since."""
    with read_transaction(engine) as session:
        ids = _contacts(session, home, contact_ids, traces)
        attempts = list(session.scalars(select(Attempt.id).where(attempts_of(session, home, ids, traces))))
        # The trail is long, and is gone through before the write lock is taken.
        told, told_until = list(session.scalars(_audit_of(ids))), session.scalar(select(func.max(AuditEntry.id))) or 0
    counts = {"attempts": len(attempts), "messages_and_traces": 0}
    for batch in _batches(attempts):
        with write_transaction(engine) as session:
            marking.unmark(session, batch)
            counts["messages_and_traces"] += _hanging_on(session, Attempt, batch)
            anonymous_attempts(session, batch)
    with write_transaction(engine) as session:
        counts["consents"] = _consents(session, home, names)
        counts["do_not_call"] = _pseudonymous(session, home, names)
        counts["test_calls"] = _test_calls(session, home, traces)
        for entry in session.scalars(select(AuditEntry).where(AuditEntry.id.in_(_audit_of(ids, told_until)))):
            _say_nothing(entry)
        for entry in session.scalars(select(AuditEntry).where(among(session, AuditEntry.id, told))):
            _say_nothing(entry)
        undo_words.withdraw(session, home)
        counts["contacts"] = len(ids)
        counts["contact_details"] = forget_contacts(session, ids)
    counts["rejected_rows"] = blotting.rejects(engine, home, traces)
    counts["other_texts"] = blotting.everywhere(engine, home, traces)
    return counts


def _contacts(session: Session, home: int, known: Sequence[int], traces: Traces) -> list[int]:
    """Those of the request, and any that an import has brought back since."""
    back = select(Address.contact_id).where(
        in_organizations(session, [home]), among(session, Address.value, sorted(traces.phones | traces.emails))
    )
    return list(session.scalars(select(Contact.id).where(or_(Contact.id.in_(known), Contact.id.in_(back)))))


def attempts_of(session: Session, home: int, contact_ids: Sequence[int], traces: Traces) -> ColumnElement[bool]:
    reached = marking.attempts_to(session, home, traces)
    return or_(Attempt.contact_id.in_(contact_ids), among(session, Attempt.id, reached))


def _hanging_on(session: Session, model: type[Base], ids: Sequence[Any]) -> int:
    """Delete rows of other tables that refer to these, but those that figures are counted from."""
    kept = {Attempt.__table__, JobContact.__table__, ConsentEvent.__table__}
    key, removed = inspect(model).primary_key[0], 0
    for table in reversed(Base.metadata.sorted_tables):
        for column in table.columns if table not in kept else ():
            if any(reference.column is key for reference in column.foreign_keys):
                removed += _rows(session.execute(delete(table).where(column.in_(ids))))
    return removed


def anonymous_attempts(session: Session, ids: Sequence[str]) -> None:
    session.execute(
        update(Attempt)
        .where(Attempt.id.in_(ids))
        .values(address="", dialled="", address_id=None, provider_id="", digest="", reason="")
    )
    for key, result in session.execute(select(Attempt.id, Attempt.result).where(Attempt.id.in_(ids))).all():
        if result:
            figures = {name: result[name] for name in _FIGURES if name in result}
            session.execute(update(Attempt).where(Attempt.id == key).values(result=figures))


def forget_contacts(session: Session, ids: Sequence[int]) -> int:
    """With all that hangs on them but attempts: gone, or a shell that jobs' figures refer to; how many details went."""
    removed = _hanging_on(session, Contact, ids)
    # What searches by names go by hangs on no key.
    removed += _rows(session.execute(delete(ContactName).where(ContactName.contact_id.in_(ids))))
    _anonymous_contacts(session, ids)
    return removed


def _anonymous_contacts(session: Session, ids: Sequence[int]) -> None:
    session.execute(
        update(JobContact).where(JobContact.contact_id.in_(ids)).values(hold_code="", hold_detail="", hold_until=None)
    )
    referred = select(JobContact.contact_id).where(JobContact.contact_id == Contact.id).exists()
    session.execute(delete(Contact).where(Contact.id.in_(ids), ~referred))
    for contact in session.scalars(select(Contact).where(Contact.id.in_(ids))):
        contact.external_id = f"erased-{contact.id}"
        contact.customer_id = contact.first_name = contact.last_name = contact.language = contact.time_zone = ""
        contact.attributes = {}
        contact.deleted_at = contact.deleted_at or utcnow()
        contact.erased_at = contact.erased_at or contact.deleted_at
        contact.last_attempt_at, contact.last_completion_code = None, ""


def _consents(session: Session, home: int, names: Collection[tuple[str, str]]) -> int:
    mine = and_(ConsentEvent.organization_id == home, named(session, ConsentEvent, names))
    proofs = select(ConsentEvent.evidence_id).where(mine, ConsentEvent.evidence_id.is_not(None))
    files = list(session.scalars(proofs))
    removed = _rows(session.execute(delete(ConsentEvent).where(mine)))
    other = select(ConsentEvent.id).where(ConsentEvent.evidence_id == ConsentEvidence.id).exists()
    removed += _rows(session.execute(delete(ConsentEvidence).where(ConsentEvidence.id.in_(files), ~other)))
    return removed


def _pseudonymous(session: Session, home: int, names: Collection[tuple[str, str]]) -> int:
    """What lists say of the person they go on saying, of a keyed hash."""
    pseudonyms = of_session(session)
    mine = or_(DncEntry.organization_id == home, DncEntry.organization_id.is_(None))
    entries = session.scalars(select(DncEntry).where(mine, named(session, DncEntry, names))).all()
    columns = [column.name for column in DncEntry.__table__.columns if column.name != "id"]
    rows = [
        {name: getattr(entry, name) for name in columns}
        | {"kind": DncKind.ERASED.value, "value": pseudonyms.of(entry.kind, entry.value), "proof": ""}
        for entry in entries
    ]
    if rows:
        session.execute(insert_missing(session, DncEntry), rows)
        session.execute(delete(DncEntry).where(DncEntry.id.in_([entry.id for entry in entries])))
    return len(rows)


def _test_calls(session: Session, home: int, traces: Traces) -> int:
    values: dict[str, Any] = {
        "address": "",
        "dialled": "",
        "values": {},
        "result": None,
        "trace": None,
        "posted": None,
        "reason": "",
    }
    mine = (TestCall.organization_id == home, TestCall.address.in_(traces.phones))
    return _rows(session.execute(update(TestCall).where(*mine).values(values)))


def _audit_of(ids: Sequence[int], after: int = 0) -> Select[int]:
    objects = [str(key) for key in ids]
    mine = (AuditEntry.kind == Contact.__tablename__, AuditEntry.object_id.in_(objects))
    return select(AuditEntry.id).where(AuditEntry.id > after, *mine)


def _say_nothing(entry: AuditEntry) -> None:
    """That something was done to the contact stays; what, does not."""
    entry.before, entry.after = anonymous(entry.before), anonymous(entry.after)


def _batches(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _rows(result: Any) -> int:
    return int(result.rowcount)
