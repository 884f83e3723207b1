"""What is held of a person, put together for them in one zip: JSON and CSV of every row, evidence and recordings.

It is made in the background (`make_next`), may be fetched for a week, and every fetch is audited.
"""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Engine, and_, inspect, or_, select, update
from sqlalchemy.orm import Session

from app.core.traces import Traces
from app.db import read_transaction, write_transaction
from app.models import (
    Attempt,
    Base,
    ConsentEvent,
    ConsentEvidence,
    Contact,
    DncEntry,
    ExportState,
    ImportReject,
    ImportRun,
    SubjectExport,
    TestCall,
)
from app.security.access import Actor, NotFound, Permission, get_scoped, scoped
from app.security.secrets import Vault
from app.services.audit import record
from app.services.csv_text import csv_lines
from app.services.privacy import emptying, stores
from app.services.privacy.erasure import Subject
from app.services.privacy.finding import Person
from common.clock import utcnow
from common.errors import RemoteError

#: How long the file waits to be fetched.
KEPT = timedelta(days=7)
_LEASE = timedelta(minutes=10)
Rows = list[dict[str, Any]]


def request_export(session: Session, actor: Actor, vault: Vault, person: Person, reference: str = "") -> SubjectExport:
    actor.require(Permission.PRIVACY_MANAGE)
    actor.require_organization(person.organization_id)
    row = SubjectExport(
        organization_id=person.organization_id,
        requested_by=actor.user_id,
        requested_at=utcnow(),
        reference=person.traces.blot(reference.strip())[:64],
        found_by=person.found_by,
        contents={},
        subject=Subject.of(person).sealed(vault),
    )
    session.add(row)
    session.flush()
    record(session, actor, "subject_export.request", row, after={"found_by": row.found_by, "reference": row.reference})
    return row


def list_exports(session: Session, actor: Actor, limit: int = 100) -> list[SubjectExport]:
    """Newest first."""
    actor.require(Permission.PRIVACY_MANAGE)
    statement = scoped(select(SubjectExport), SubjectExport, actor).order_by(SubjectExport.id.desc())
    return list(session.scalars(statement.limit(limit)))


def fetch_export(session: Session, actor: Actor, export_id: int, home: Path) -> Path:
    """The file, noted as fetched. Raise NotFound when it is not there any more, or not yet."""
    actor.require(Permission.PRIVACY_MANAGE)
    row = get_scoped(session, actor, SubjectExport, export_id)
    path = home / stores.EXPORTS / row.file_name
    ended = row.expires_at is None or row.expires_at <= utcnow()
    if row.state != ExportState.READY or ended or not path.is_file():
        raise NotFound("the file is not there: it is not made yet, its week is over, or the person was erased")
    record(session, actor, "subject_export.fetch", row)
    return path


def make_next(engine: Engine, vault: Vault, home: Path, servers: stores.MediaServers) -> bool:
    """Make one export that was asked for, and remove files whose time is over; whether there was one to make."""
    _expire(engine, home)
    row = _lease(engine)
    if row is None:
        return False
    subject = Subject.opened(vault, row.subject)
    folder = home / stores.EXPORTS
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{row.id}-{secrets.token_hex(8)}.zip"
    draft = folder / f"{name}.part"
    try:
        with read_transaction(engine) as session:
            reached = _attempts(session, row.organization_id, subject.contact_ids, subject.traces)
            held = _collect(session, row.organization_id, subject, reached)
            calls = emptying.past_calls(session, reached)
        counts = _write(engine, draft, held, servers.recordings(calls))
    except (RemoteError, OSError) as error:
        draft.unlink(missing_ok=True)
        with write_transaction(engine) as session:
            values = {"detail": f"{error}; it is tried again"[:500], "lease_until": utcnow() + timedelta(seconds=30)}
            session.execute(update(SubjectExport).where(SubjectExport.id == row.id).values(values))
        return True
    draft.rename(folder / name)
    with write_transaction(engine) as session:
        fresh = session.get_one(SubjectExport, row.id)
        fresh.state, fresh.subject, fresh.detail, fresh.lease_until = ExportState.READY, "", "", None
        fresh.contents, fresh.file_name = counts, name
        fresh.made_at, fresh.expires_at = utcnow(), utcnow() + KEPT
        record(session, Actor.system(row.organization_id), "subject_export.complete", fresh, after=dict(counts))
    return True


def _lease(engine: Engine) -> SubjectExport | None:
    now = utcnow()
    free = (
        SubjectExport.state == ExportState.QUEUED,
        or_(SubjectExport.lease_until.is_(None), SubjectExport.lease_until < now),
    )
    with read_transaction(engine) as session:
        wanted = session.scalar(select(SubjectExport.id).where(*free).order_by(SubjectExport.id).limit(1))
    if wanted is None:
        return None
    with write_transaction(engine) as session:
        statement = update(SubjectExport).where(SubjectExport.id == wanted, *free)
        taken = session.execute(statement.values(lease_until=now + _LEASE))
        assert isinstance(taken, CursorResult)
        row = session.get_one(SubjectExport, wanted) if taken.rowcount else None
        if row is not None:
            session.expunge(row)
        return row


def _expire(engine: Engine, home: Path) -> None:
    over = (SubjectExport.state == ExportState.READY, SubjectExport.expires_at <= utcnow())
    with read_transaction(engine) as session:
        rows = session.execute(select(SubjectExport.id, SubjectExport.file_name).where(*over)).all()
    for key, name in rows:
        (home / stores.EXPORTS / name).unlink(missing_ok=True)
        with write_transaction(engine) as session:
            values = {"state": ExportState.EXPIRED, "file_name": ""}
            session.execute(update(SubjectExport).where(SubjectExport.id == key).values(values))


def _collect(session: Session, home: int, subject: Subject, reached: ColumnElement[bool]) -> dict[str, Rows]:
    """Rows by table. What hangs on a contact or an attempt by a foreign key is there, whatever table it is in."""
    ids = list(subject.contact_ids)
    attempts = list(session.scalars(select(Attempt.id).where(reached)))
    held = {"contact": _rows(session, Contact, Contact.id.in_(ids))}
    held |= _hanging(session, Contact, ids)
    held["attempt"] = _rows(session, Attempt, reached)
    held |= _hanging(session, Attempt, attempts)
    ledger = emptying.named(session, ConsentEvent, subject.names)
    held["consent_event"] = _rows(session, ConsentEvent, ConsentEvent.organization_id == home, ledger)
    files = [row["evidence_id"] for row in held["consent_event"] if row["evidence_id"]]
    held["consent_evidence"] = _rows(session, ConsentEvidence, ConsentEvidence.id.in_(files))
    mine = or_(DncEntry.organization_id == home, DncEntry.organization_id.is_(None))
    held["dnc_entry"] = _rows(session, DncEntry, mine, emptying.named(session, DncEntry, subject.names))
    test_call = (TestCall.organization_id == home, TestCall.address.in_(subject.traces.phones))
    held["test_call"] = _rows(session, TestCall, *test_call)
    runs = select(ImportRun.id).where(ImportRun.organization_id == home)
    rejects = session.scalars(
        select(ImportReject).where(ImportReject.import_run_id.in_(runs)).execution_options(yield_per=2000)
    )
    held["import_reject"] = [
        {"line": row.line, "field": row.field, "reason": row.reason, "row": row.row}
        for row in rejects
        if subject.traces.found_in(row.row)
    ]
    return {name: rows for name, rows in held.items() if rows}


def _attempts(session: Session, home: int, ids: Sequence[int], traces: Traces) -> ColumnElement[bool]:
    """Of the organization alone: others whom a list is shared with tell of theirs themselves."""
    return and_(Attempt.organization_id == home, emptying.attempts_of(session, home, ids, traces))


def _hanging(session: Session, model: type[Base], ids: Sequence[Any]) -> dict[str, Rows]:
    key, found = inspect(model).primary_key[0], {}
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if any(ref.column is key for ref in column.foreign_keys)]
        if columns and table is not Attempt.__table__:
            statement = select(table).where(or_(*(column.in_(ids) for column in columns)))
            found[table.name] = [dict(row) for row in session.execute(statement).mappings()]
    return found


def _rows(session: Session, model: type[Base], *conditions: Any) -> Rows:
    statement = select(model.__table__).where(*conditions)
    return [dict(row) for row in session.execute(statement).mappings()]


def _write(
    engine: Engine, path: Path, held: Mapping[str, Rows], recordings: Iterator[tuple[str, bytes]]
) -> dict[str, int]:
    counts = {name: len(rows) for name, rows in held.items()}
    opened = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    with opened as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in held.get("consent_evidence", ()):
            archive.writestr(f"evidence/{row['id']}-{_plain_name(row['file_name'])}", row.pop("body"))
        archive.writestr("data.json", json.dumps(held, indent=2, ensure_ascii=False, default=str))
        for name, rows in held.items():
            table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
            archive.writestr(f"{name}.csv", csv_lines(table))
        for name, body in recordings:
            archive.writestr(f"recordings/{_plain_name(name)}", body, zipfile.ZIP_STORED)
            counts["recordings"] = counts.get("recordings", 0) + 1
    return counts


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _plain_name(name: str) -> str:
    """No folder of the receiver's machine is written into by a name."""
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return plain.lstrip(".")[:120] or "file"
