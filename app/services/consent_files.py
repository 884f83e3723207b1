"""Taking files of consents into the ledger, with the evidence that they name; or only counting what they have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from app.core.phone import is_country
from app.db import among, is_away, read_transaction, timed_write, write_transaction
from app.models import ConsentAct, ConsentEvent, ConsentEvidence, ConsentFile, ImportState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services import consents
from app.services.audit import record
from app.services.consent_lines import Entry, read_lines
from app.services.consent_proofs import Proofs
from app.services.csv_text import csv_lines
from app.services.dnc_formats import BadLine
from app.services.handed_over import STAYS, TOLD_EVERY, Cancelled, Stopped, lines_of
from app.services.importing.spooling import spooled
from app.services.number_formats import country_to_read_by
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import ClarionError, Refused

log = structlog.get_logger()

_FIRST_REJECTS = 1000
_CHUNK = 500
#: Bytes of evidence in memory before they are written; one file more may come on top.
_MOST_UNPACKED = 16_000_000
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
    home_country: str = "",
    organization_id: int | None = None,
    dry: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ConsentFile:
    """Run to the end, in short transactions. `proofs` is a zip with the files that lines name as evidence;
    `home_country` that of numbers without one, "" the organization's own.

    What the ledger has already, word for word, is passed over, also where the line now names evidence: doing it again
    after a crash adds nothing. A line that was corrected is a new entry. A `dry` run writes nothing and keeps no record
    of itself.
    """
    with write_transaction(engine) as session:
        row = _row(session, actor, path.name, home_country, organization_id)
        if not dry:
            _enter_row(session, actor, row)
    file_id = None if dry else row.id
    tally = _Tally()
    taking = _Taking(engine, row.entered_by, row.organization_id, file_id, tally, utcnow(), on_progress)
    return _end(engine, row, file_id, tally, *_take(taking, path, proofs, row.asked["country"]))


def start_file(
    session: Session,
    actor: Actor,
    file_name: str,
    *,
    home_country: str = "",
    organization_id: int | None = None,
    dry: bool = False,
) -> ConsentFile:
    """Queue a file for the background, as `take_file` would take it."""
    row = _row(session, actor, file_name, home_country, organization_id)
    row.state, row.dry = ImportState.QUEUED, dry
    _enter_row(session, actor, row)
    return row


def request_cancel(session: Session, actor: Actor, file_id: int) -> None:
    """It stops after the lines under way; what is taken stays."""
    actor.require(Permission.DNC_EDIT)
    row = get_scoped(session, actor, ConsentFile, file_id)
    if row.state not in (ImportState.QUEUED, ImportState.RUNNING):
        raise Refused(f"it is {row.state} already")
    row.cancel_requested = True
    record(session, actor, "consent.cancel_file", row)


def run_file(engine: Engine, file_id: int, path: Path, proofs: Path | None, go_on: Callable[[], bool]) -> None:
    """Take a file that was queued to its end, or go on with one whose worker died. Until `go_on` ends it."""
    with write_transaction(engine) as session:
        row = session.get_one(ConsentFile, file_id)
        row.state, row.rows_total = ImportState.RUNNING, lines_of(path)
        session.flush()
        session.expunge(row)
    tally = _Tally(
        row.rows_read, row.rows_given, row.rows_revoked, row.rows_known, row.rows_rejected, list(row.first_rejects)
    )
    mine = None if row.dry else file_id
    taking = _Taking(engine, row.entered_by, row.organization_id, mine, tally, utcnow(), None, row.rows_read)
    taking.on_progress = _Course(engine, file_id, tally, go_on).look
    try:
        if row.cancel_requested:
            raise Cancelled
        state, detail = _take(taking, path, proofs, row.asked["country"])
    except Cancelled:
        state, detail = ImportState.CANCELLED, STAYS
    except Stopped:
        return
    except Exception as error:
        if not is_away(error):
            detail = "stopped by a defect of Clarion; the log says more"
            _end(engine, row, file_id, tally, ImportState.FAILED, detail)
        raise
    _end(engine, row, file_id, tally, state, detail)


def _row(session: Session, actor: Actor, file_name: str, home_country: str, organization_id: int | None) -> ConsentFile:
    actor.require(Permission.DNC_EDIT)
    if home_country and not is_country(home_country):
        raise Refused(f"country: {home_country!r} is no country; write two letters such as US")
    home = organization_for(session, actor, organization_id)
    return ConsentFile(
        organization_id=home, file_name=file_name[:255], state=ImportState.RUNNING, first_rejects=[],
        entered_by=actor.user_id, started_at=utcnow(), dry=False,
        asked={"country": country_to_read_by(session, home, home_country)},
    )  # fmt: skip


def _enter_row(session: Session, actor: Actor, row: ConsentFile) -> None:
    session.add(row)
    session.flush()
    record(session, actor, "consent.file", row, after={"file": row.file_name})


def _take(taking: _Taking, path: Path, proofs: Path | None, country: str) -> tuple[ImportState, str]:
    """How it ended, and why."""
    try:
        with ExitStack() as stack:
            taking.prove_by(Proofs(stack, proofs))
            taking.all(read_lines(stack.enter_context(spooled(path, may_guess=True)), country, taking.now))
    except (Cancelled, Stopped):
        raise
    except (ClarionError, OSError) as error:
        return ImportState.FAILED, str(error)
    return ImportState.COMPLETED, ""


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


@dataclass(slots=True)
class _Taking:
    engine: Engine
    user_id: int | None
    home: int
    #: None: only counting.
    file_id: int | None
    tally: _Tally
    now: datetime
    on_progress: Callable[[int], None] | None
    #: So many lines were done with by a worker that died.
    done: int = 0
    proofs: Proofs = field(init=False)
    #: Evidence that the ledger keeps, by name.
    kept: dict[str, int] = field(default_factory=dict)
    #: What is wrong with evidence, by name.
    faults: dict[str, str] = field(default_factory=dict)

    def prove_by(self, proofs: Proofs) -> None:
        self.proofs = proofs

    def all(self, lines: Iterator[Entry | BadLine]) -> None:
        entries = self._counted(lines)
        while chunk := list(islice(entries, _CHUNK)):
            self._take(chunk)
            if self.on_progress is not None:
                self.on_progress(self.tally.read)

    def _counted(self, lines: Iterator[Entry | BadLine]) -> Iterator[Entry]:
        last = read = 0
        for line in lines:
            read += line.line != last
            last = line.line
            if read <= self.done:
                continue
            self.tally.read = read
            if isinstance(line, BadLine):
                self._reject(line.line, line.reason)
            else:
                yield line

    def _take(self, chunk: Sequence[Entry]) -> None:
        """Evidence is unpacked here, before the write lock is taken, and not much of it is held at once."""
        with read_transaction(self.engine) as session:
            fresh = self._fresh(session, chunk)
        ready: list[Entry] = []
        bodies: dict[str, bytes] = {}
        for entry in fresh:
            try:
                self._prove(entry, bodies)
            except Refused as error:
                self._reject(entry.line, str(error))
                continue
            ready.append(entry)
            if sum(map(len, bodies.values())) > _MOST_UNPACKED:
                self._enter(ready, bodies)
                ready, bodies = [], {}
        self._enter(ready, bodies)

    def _fresh(self, session: Session, chunk: Sequence[Entry]) -> list[Entry]:
        """Without those that the ledger has, counted."""
        seen, fresh = _in_ledger(session, self.home, chunk), []
        for entry in chunk:
            key = _key(entry.values)
            if key in seen:
                self.tally.known += 1
                continue
            seen.add(key)
            fresh.append(entry)
        return fresh

    def _prove(self, entry: Entry, bodies: dict[str, bytes]) -> None:
        """See that the entry's evidence is kept or among `bodies`. Raise Refused where that cannot be."""
        if not entry.evidence:
            return
        packed, name = self.proofs.holds(entry.evidence), consents.plain_name(entry.evidence)
        if name in self.kept or name in bodies:
            return
        if name in self.faults:
            raise Refused(self.faults[name])
        try:
            if packed:
                bodies[name] = self.proofs.body(name)
            else:
                self.kept[name] = self._stored(name)
        except Refused as error:
            self.faults[name] = str(error)
            raise

    def _stored(self, name: str) -> int:
        """Of several with one name nobody can tell whose is meant."""
        mine = (ConsentEvidence.organization_id == self.home, ConsentEvidence.file_name == name)
        with read_transaction(self.engine) as session:
            found = session.scalars(select(ConsentEvidence.id).where(*mine).limit(2)).all()
        if not found:
            raise Refused(f"evidence: {name[:80]} is neither in the zip nor kept already")
        if len(found) > 1:
            raise Refused(
                f"evidence: several files called {name[:80]} are kept; pack the one that is meant into the zip"
            )
        return found[0]

    def _enter(self, ready: Sequence[Entry], bodies: Mapping[str, bytes]) -> None:
        if self.file_id is None:
            self.kept.update(dict.fromkeys(bodies, 0))
        elif ready:
            with timed_write(self.engine) as (session, _):
                # Another taking may have been quicker.
                ready = self._still_proven(session, self._fresh(session, ready))
                added = self._write(session, ready, bodies)
            self.kept.update(added)
        given = sum(entry.values["act"] == ConsentAct.GIVEN for entry in ready)
        self.tally.given += given
        self.tally.revoked += len(ready) - given

    def _still_proven(self, session: Session, ready: Sequence[Entry]) -> list[Entry]:
        """Without those whose evidence was erased meanwhile; another file may have its ID by now."""
        names = {consents.plain_name(entry.evidence) for entry in ready} & self.kept.keys()
        columns = (ConsentEvidence.file_name, ConsentEvidence.id)
        there = session.execute(select(*columns).where(ConsentEvidence.id.in_([self.kept[name] for name in names])))
        erased = names - {name for name, key in there if self.kept.get(name) == key}
        proven = []
        for entry in ready:
            if (name := consents.plain_name(entry.evidence)) in erased:
                self._reject(entry.line, f"evidence: {name[:80]} was erased meanwhile; take the file again")
                self.kept.pop(name, None)
            else:
                proven.append(entry)
        return proven

    def _write(self, session: Session, ready: Sequence[Entry], bodies: Mapping[str, bytes]) -> Mapping[str, int]:
        """Answers the evidence that was added, by name."""
        names = {consents.plain_name(entry.evidence) for entry in ready} & bodies.keys()
        added = {name: consents.keep_evidence(session, self.home, name, bodies[name]) for name in sorted(names)}
        proofs = self.kept | added
        rows = [
            {
                **entry.values, "organization_id": self.home, "file_id": self.file_id,
                "evidence_id": proofs[consents.plain_name(entry.evidence)] if entry.evidence else None,
                "entered_by": self.user_id, "entered_at": self.now,
            }
            for entry in ready
        ]  # fmt: skip
        if rows:
            session.execute(insert(ConsentEvent), rows)
        return added

    def _reject(self, line: int, reason: str) -> None:
        self.tally.rejected += 1
        if len(self.tally.rejects) < _FIRST_REJECTS:
            self.tally.rejects.append({"line": line, "reason": reason})


def _key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    """A taking back by its day is the same on whatever day it is taken; of a giving the day's beginning is `at`."""
    by_day = values["act"] == ConsentAct.REVOKED and values["said_on"] is not None
    return (by_day and values["said_on"], *(_words(values[name]) for name in _SAME if not (by_day and name == "at")))


def _words(value: Any) -> Any:
    """Text as it comes back from its own export: by its words, without the sign that keeps it from being a formula."""
    return " ".join(value.lstrip("'").split()) if isinstance(value, str) else value


def _in_ledger(session: Session, home: int, chunk: Sequence[Entry]) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    names = (*_SAME, "said_on")
    columns = [getattr(ConsentEvent, name) for name in names]
    for kind in {entry.values["kind"] for entry in chunk}:
        values = sorted({entry.values["value"] for entry in chunk if entry.values["kind"] == kind})
        mine = (ConsentEvent.organization_id == home, ConsentEvent.kind == kind)
        rows = session.execute(select(*columns).where(*mine, among(session, ConsentEvent.value, values)))
        found.update(_key(dict(zip(names, row, strict=True))) for row in rows)
    return found


def _counts(tally: _Tally) -> dict[str, Any]:
    return {
        "rows_read": tally.read,
        "rows_given": tally.given,
        "rows_revoked": tally.revoked,
        "rows_known": tally.known,
        "rows_rejected": tally.rejected,
        "first_rejects": sorted(tally.rejects, key=lambda reject: reject["line"]),
    }


@dataclass(slots=True)
class _Course:
    """Of a file in the background: where it stands, written every second or so."""

    engine: Engine
    file_id: int
    tally: _Tally
    go_on: Callable[[], bool]
    told: float = 0.0

    def look(self, _read: int) -> None:
        """Raise Stopped or Cancelled."""
        if time.monotonic() - self.told < TOLD_EVERY and self.go_on():
            return
        self.told = time.monotonic()
        asked = update(ConsentFile).where(ConsentFile.id == self.file_id).values(_counts(self.tally))
        with write_transaction(self.engine) as session:
            cancelled = session.scalar(asked.returning(ConsentFile.cancel_requested))
        if cancelled is not False:
            raise Cancelled
        if not self.go_on():
            raise Stopped


def _end(
    engine: Engine, row: ConsentFile, file_id: int | None, tally: _Tally, state: ImportState, detail: str
) -> ConsentFile:
    values = {"state": state, "detail": detail[:500], "ended_at": utcnow(), **_counts(tally)}
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
