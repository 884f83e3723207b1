"""Taking files of consents into the ledger, with the evidence that they name; or only counting what they have."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from app.core.phone import is_country
from app.db import among, read_transaction, write_in_chunks, write_transaction
from app.models import ConsentAct, ConsentEvent, ConsentEvidence, ConsentFile, ImportState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services import consents
from app.services.audit import record
from app.services.consent_lines import Entry, read_lines
from app.services.csv_text import csv_lines
from app.services.dnc_formats import BadLine
from app.services.importing.spooling import spooled
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import ClarionError, Refused

log = structlog.get_logger()

_FIRST_REJECTS = 1000
_MOST_PROOFS = 10_000
_CHUNK = 500
#: By what two entries are the same one: by all that was entered but the evidence.
_SAME = ("kind", "value", "channel", "purpose", "act", "at", "expires_at", "source", "text_shown")


@dataclass(slots=True)
class _Tally:
    read: int = 0
    given: int = 0
    revoked: int = 0
    known: int = 0
    rejected: int = 0
    rejects: list[dict[str, Any]] = field(default_factory=list)


def take_file(
    engine: Engine,
    actor: Actor,
    path: Path,
    *,
    proofs: Path | None = None,
    home_country: str = "US",
    organization_id: int | None = None,
    dry: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ConsentFile:
    """Run to the end, in short transactions. `proofs` is a zip with the files that lines name as evidence.

    What the ledger has already, word for word, is passed over, also where the line now names evidence: doing it again
    after a crash adds nothing. A line that was corrected is a new entry. A `dry` run writes nothing and keeps no record
    of itself.
    """
    actor.require(Permission.DNC_EDIT)
    if not is_country(home_country):
        raise Refused(f"country: {home_country!r} is no country; write two letters such as US")
    row = ConsentFile(file_name=path.name[:255], state=ImportState.RUNNING, first_rejects=[], started_at=utcnow())
    file_id = None
    with write_transaction(engine) as session:
        row.organization_id = home = organization_for(session, actor, organization_id)
        row.entered_by = actor.user_id
        if not dry:
            session.add(row)
            session.flush()
            record(session, actor, "consent.file", row, after={"file": row.file_name})
            file_id = row.id
    tally, detail, now = _Tally(), "", utcnow()
    try:
        with ExitStack() as stack:
            kept = _Proofs(stack, proofs)
            lines = read_lines(stack.enter_context(spooled(path, may_guess=True)), home_country, now)
            _Taking(engine, actor, home, file_id, kept, tally, now, on_progress).all(lines)
    except (ClarionError, OSError) as error:
        detail = str(error)
    return _end(engine, row, file_id, tally, detail)


def list_files(session: Session, actor: Actor, limit: int = 20) -> list[ConsentFile]:
    """Newest first."""
    actor.require(Permission.DNC_VIEW)
    statement = scoped(select(ConsentFile), ConsentFile, actor).order_by(ConsentFile.id.desc())
    return list(session.scalars(statement.limit(limit)))


def rejects_csv(session: Session, actor: Actor, file_id: int) -> Iterator[str]:
    """The first thousand lines that were not taken, with reasons."""
    actor.require(Permission.DNC_VIEW)
    row = get_scoped(session, actor, ConsentFile, file_id)
    yield csv_lines([("line", "reason"), *((reject["line"], reject["reason"]) for reject in row.first_rejects)])


class _Proofs:
    """A zip of evidence. Of its names only the last part counts; nothing is ever unpacked to disk."""

    def __init__(self, stack: ExitStack, path: Path | None) -> None:
        self._members: dict[str, zipfile.ZipInfo] = {}
        if path is None:
            return
        try:
            self._zip = stack.enter_context(zipfile.ZipFile(path))
        except zipfile.BadZipFile as error:
            raise Refused(f"evidence: {path.name} is no zip; pack the files that the lines name into one") from error
        members = [member for member in self._zip.infolist() if not member.is_dir()]
        if len(members) > _MOST_PROOFS:
            raise Refused(f"evidence: {_MOST_PROOFS:,} files at most in one zip")
        self._members = {consents.plain_name(member.filename): member for member in members}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def body(self, name: str) -> bytes:
        """Raise Refused for one that is too large, whatever the zip says of it, or cannot be read."""
        try:
            with self._zip.open(self._members[name]) as file:
                body = file.read(consents.LARGEST_EVIDENCE + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
            raise Refused(f"evidence: {name} in the zip cannot be read: {type(error).__name__}") from error
        if len(body) > consents.LARGEST_EVIDENCE:
            raise Refused(f"evidence: {name} is larger than {consents.LARGEST_EVIDENCE:,} bytes")
        return body


@dataclass(slots=True)
class _Taking:
    engine: Engine
    actor: Actor
    home: int
    #: None: only counting.
    file_id: int | None
    proofs: _Proofs
    tally: _Tally
    now: datetime
    on_progress: Callable[[int], None] | None
    #: Evidence by name: those that the ledger has, then those of the zip as they are first needed.
    kept: dict[str, int | None] = field(default_factory=dict)

    def all(self, lines: Iterator[Entry | BadLine]) -> None:
        if self.file_id is not None:
            write_in_chunks(self.engine, self._counted(lines), self._write, first=_CHUNK)
            return
        chunk: list[Entry] = []
        for entry in self._counted(lines):
            chunk.append(entry)
            if len(chunk) == _CHUNK:
                self._count(chunk)
                chunk.clear()
        self._count(chunk)

    def _counted(self, lines: Iterator[Entry | BadLine]) -> Iterator[Entry]:
        last = 0
        for line in lines:
            self.tally.read += line.line != last
            last = line.line
            if isinstance(line, BadLine):
                self._reject(line.line, line.reason)
            elif line.evidence and line.evidence not in self.proofs and self._stored(line.evidence) is None:
                self._reject(line.line, f"evidence: {line.evidence[:80]} is neither in the zip nor kept already")
            else:
                yield line

    def _stored(self, name: str) -> int | None:
        if name not in self.kept:
            mine = (ConsentEvidence.organization_id == self.home, ConsentEvidence.file_name == name)
            newest = select(ConsentEvidence.id).where(*mine).order_by(ConsentEvidence.id.desc()).limit(1)
            with read_transaction(self.engine) as session:
                self.kept[name] = session.scalar(newest)
        return self.kept[name]

    def _count(self, chunk: Sequence[Entry]) -> None:
        if chunk:
            with read_transaction(self.engine) as session:
                self._new(session, chunk)

    def _write(self, session: Session, chunk: Sequence[Entry]) -> None:
        rows = []
        for entry in self._new(session, chunk):
            try:
                evidence = self._evidence(session, entry.evidence) if entry.evidence else None
            except Refused as error:
                self._add(entry, -1)
                self._reject(entry.line, str(error))
                continue
            rows.append(
                {
                    **entry.values, "organization_id": self.home, "evidence_id": evidence, "file_id": self.file_id,
                    "entered_by": self.actor.user_id, "entered_at": self.now,
                }
            )  # fmt: skip
        if rows:
            session.execute(insert(ConsentEvent), rows)
        if self.on_progress is not None:
            self.on_progress(self.tally.read)

    def _new(self, session: Session, chunk: Sequence[Entry]) -> list[Entry]:
        """Without those that the ledger has, counted."""
        seen, new = _in_ledger(session, self.home, chunk), []
        for entry in chunk:
            key = _key(entry.values)
            if key in seen:
                self.tally.known += 1
                continue
            seen.add(key)
            new.append(entry)
            self._add(entry, 1)
        return new

    def _add(self, entry: Entry, count: int) -> None:
        if entry.values["act"] == ConsentAct.GIVEN:
            self.tally.given += count
        else:
            self.tally.revoked += count

    def _evidence(self, session: Session, name: str) -> int | None:
        if name in self.proofs:
            body = self.proofs.body(name)
            return consents.keep_evidence(session, self.home, name, body)
        return self._stored(name)

    def _reject(self, line: int, reason: str) -> None:
        self.tally.rejected += 1
        if len(self.tally.rejects) < _FIRST_REJECTS:
            self.tally.rejects.append({"line": line, "reason": reason})


def _key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_words(values[name]) for name in _SAME)


def _words(value: Any) -> Any:
    """Text as it comes back from its own export: by its words, without the sign that keeps it from being a formula."""
    return " ".join(value.lstrip("'").split()) if isinstance(value, str) else value


def _in_ledger(session: Session, home: int, chunk: Sequence[Entry]) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    columns = [getattr(ConsentEvent, name) for name in _SAME]
    for kind in {entry.values["kind"] for entry in chunk}:
        values = sorted({entry.values["value"] for entry in chunk if entry.values["kind"] == kind})
        mine = (ConsentEvent.organization_id == home, ConsentEvent.kind == kind)
        rows = session.execute(select(*columns).where(*mine, among(session, ConsentEvent.value, values)))
        found.update(_key(dict(zip(_SAME, row, strict=True))) for row in rows)
    return found


def _end(engine: Engine, row: ConsentFile, file_id: int | None, tally: _Tally, detail: str) -> ConsentFile:
    values = {
        "state": ImportState.FAILED if detail else ImportState.COMPLETED,
        "detail": detail[:500],
        "ended_at": utcnow(),
        "rows_read": tally.read,
        "rows_given": tally.given,
        "rows_revoked": tally.revoked,
        "rows_known": tally.known,
        "rows_rejected": tally.rejected,
        "first_rejects": tally.rejects,
    }
    if file_id is None:
        for name, value in values.items():
            setattr(row, name, value)
        return row
    with write_transaction(engine) as session:
        kept = session.get_one(ConsentFile, file_id)
        for name, value in values.items():
            setattr(kept, name, value)
        session.flush()
        session.expunge(kept)
    log.info("consent_file.ended", file=file_id, state=str(kept.state), rows=tally.read)
    return kept
