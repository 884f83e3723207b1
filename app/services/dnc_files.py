"""Taking files of do-not-call entries into a list, out of one, and instead of what one had; and how old lists are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.compliance import NATIONAL, Coverage, part_of
from app.core.phone import is_country
from app.db import chunk_budget, is_away, next_chunk_size, timed_write, write_in_chunks, write_transaction
from app.models import DncCoverage, DncEntry, DncFile, DncKind, DncList, ImportState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.dnc import SMS_STOP, chosen_lists
from app.services.dnc_formats import FORMATS, BadLine, Entry, Line, read_lines
from app.services.handed_over import Cancelled, Stopped, lines_of
from app.services.importing.spooling import spooled
from app.services.number_formats import country_to_read_by
from common.clock import utcnow
from common.errors import ClarionError, Refused

log = structlog.get_logger()

ACTIONS = ("add", "remove", "replace")
_FIRST_REJECTS = 100
#: Lines of a transaction at the least: on a busy disk the commit alone takes longer than these, and a file of a million
#: lines would take hours by ones.
_LEAST = 200


@dataclass(frozen=True, slots=True)
class FileFields:
    """`as_of` is the day that a national list was drawn; `home_country` that of numbers without +, "" the
    organization's own."""

    form: str = "csv"
    action: str = "add"
    as_of: date | None = None
    home_country: str = ""


@dataclass(slots=True)
class _Tally:
    read: int = 0
    changed: int = 0
    rejected: int = 0
    rejects: list[dict[str, Any]] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Course:
    """Of one file: how far it is, kept in the transaction of its lines, and whether it goes on."""

    go_on: Callable[[], bool]
    on_progress: Callable[[int], None] | None = None
    cancelled: bool = False

    def keep(self, session: Session, file_id: int, tally: _Tally) -> None:
        asked = update(DncFile).where(DncFile.id == file_id).values(_counts(tally))
        self.cancelled = session.scalar(asked.returning(DncFile.cancel_requested)) is not False
        if self.on_progress is not None:
            self.on_progress(tally.read)

    def goes_on(self) -> bool:
        return not self.cancelled and self.go_on()

    def check(self) -> None:
        """Raise Cancelled or Stopped."""
        if self.cancelled:
            raise Cancelled
        if not self.go_on():
            raise Stopped


def take_file(
    engine: Engine,
    actor: Actor,
    dnc_list_id: int,
    path: Path,
    fields: FileFields,
    on_progress: Callable[[int], None] | None = None,
) -> DncFile:
    """Run to the end, in short transactions; what is listed holds from its own chunk's commit on.

    `replace` adds first and takes off afterwards what the file has not, so that nobody is callable in between. Of a
    national list only the parts (area codes) that the file has are replaced. Doing it again after a crash is safe.
    """
    with write_transaction(engine) as session:
        row = start_file(session, actor, dnc_list_id, path.name, fields)
        row.state = ImportState.RUNNING
        session.flush()
        session.expunge(row)

    return _take(engine, row, path, _Tally(), _Course(lambda: True, on_progress))


def start_file(session: Session, actor: Actor, dnc_list_id: int, file_name: str, fields: FileFields) -> DncFile:
    """Queue a file for the background, as `take_file` would take it."""
    actor.require(Permission.DNC_EDIT)
    dnc_list = get_scoped(session, actor, DncList, dnc_list_id)
    _check(dnc_list, fields)
    asked = {
        "as_of": fields.as_of.isoformat() if fields.as_of else "",
        "country": country_to_read_by(session, dnc_list.organization_id, fields.home_country),
        "national": bool(dnc_list.national),
    }
    row = DncFile(
        organization_id=dnc_list.organization_id, dnc_list_id=dnc_list.id, file_name=file_name[:255], asked=asked,
        format=fields.form, action=fields.action, state=ImportState.QUEUED, first_rejects=[], started_at=utcnow(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    after = {"list": dnc_list.name, "file": row.file_name, "action": fields.action, "format": fields.form}
    record(session, actor, "dnc.file", row, after=after)
    return row


def request_cancel(session: Session, actor: Actor, file_id: int) -> None:
    """It stops after the lines under way; what is taken stays."""
    actor.require(Permission.DNC_EDIT)
    row = get_scoped(session, actor, DncFile, file_id)
    if row.state not in (ImportState.QUEUED, ImportState.RUNNING):
        raise Refused(f"it is {row.state} already")
    row.cancel_requested = True
    record(session, actor, "dnc.cancel_file", row)


def run_file(engine: Engine, file_id: int, path: Path, go_on: Callable[[], bool]) -> None:
    """Take a file that was queued to its end, or go on with one whose worker died. Until `go_on` ends it."""
    with write_transaction(engine) as session:
        row = session.get_one(DncFile, file_id)
        row.state, row.rows_total = ImportState.RUNNING, lines_of(path)
        session.flush()
        session.expunge(row)

    tally = _Tally(row.rows_read, row.rows_changed, row.rows_rejected, list(row.first_rejects))
    try:
        _take(engine, row, path, tally, _Course(go_on, cancelled=row.cancel_requested))
    except Stopped:
        return


def _take(engine: Engine, row: DncFile, path: Path, tally: _Tally, course: _Course) -> DncFile:
    national, list_id = row.asked["national"], row.dnc_list_id
    try:
        with spooled(path, may_guess=True) as spool:
            lines = read_lines(spool, row.format, row.asked["country"], utcnow().date())
            _write(engine, row, lines, tally, course)
            course.check()
            if row.action == "replace":
                tally.changed += _take_off_rest(engine, list_id, row.id, sorted(tally.parts) if national else [""])
            if national and row.action != "remove":
                _cover(engine, list_id, tally.parts, date.fromisoformat(row.asked["as_of"]))
    except Cancelled:
        return _end(
            engine, row.id, ImportState.CANCELLED, tally, "stopped by somebody; what was taken until then stays"
        )
    except Stopped:
        raise
    except (ClarionError, OSError) as error:
        return _end(engine, row.id, ImportState.FAILED, tally, str(error))
    except Exception as error:
        if not is_away(error):
            _end(engine, row.id, ImportState.FAILED, tally, "stopped by a defect of Clarion; the log says more")
        raise
    return _end(engine, row.id, ImportState.COMPLETED, tally, "")


def list_files(session: Session, actor: Actor, dnc_list_id: int, limit: int = 20) -> list[DncFile]:
    """Newest first."""
    actor.require(Permission.DNC_VIEW)
    get_scoped(session, actor, DncList, dnc_list_id, include_common=True)
    statement = select(DncFile).where(DncFile.dnc_list_id == dnc_list_id).order_by(DncFile.id.desc())
    return list(session.scalars(statement.limit(limit)))


def set_national(session: Session, actor: Actor, dnc_list_id: int, national: str) -> DncList:
    """Say that a list is a country's: numbers of that country are called only while a young copy has them."""
    actor.require(Permission.DNC_EDIT)
    dnc_list = get_scoped(session, actor, DncList, dnc_list_id)
    if national and national not in NATIONAL:
        raise Refused(f"national: use {', '.join(NATIONAL)}, or leave it empty")
    before = {"national": dnc_list.national}
    dnc_list.national = national
    session.flush()
    record(session, actor, "dnc.update_list", dnc_list, before=before, after={"national": national})
    return dnc_list


def ages(session: Session, actor: Actor) -> dict[int, tuple[int, int]]:
    """For each national list that has been loaded: the age in days of its oldest part, and how many parts it has."""
    actor.require(Permission.DNC_VIEW)
    statement = scoped(
        select(DncCoverage.dnc_list_id, func.min(DncCoverage.as_of), func.count()).join(
            DncList, DncList.id == DncCoverage.dnc_list_id
        ),
        DncList,
        actor,
        include_common=True,
    )
    today = utcnow().astimezone(UTC).date()
    rows = session.execute(statement.group_by(DncCoverage.dnc_list_id))
    return {list_id: ((today - oldest).days, parts) for list_id, oldest, parts in rows}


def coverages(session: Session, organization_id: int, campaign_id: int | None) -> tuple[Coverage, ...]:
    """The national lists that hold, with the day of each of their parts."""
    mine = or_(DncList.organization_id == organization_id, DncList.organization_id.is_(None))
    rows = session.execute(
        select(DncList.id, DncList.national, DncList.name, DncCoverage.prefix, DncCoverage.as_of)
        .outerjoin(DncCoverage, DncCoverage.dnc_list_id == DncList.id)
        .where(DncList.national != "", mine, *chosen_lists(campaign_id))
        .order_by(DncList.id)
    ).all()
    found = []
    for (_, national, name), parts in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        found.append(Coverage(national, name, {row[3]: row[4] for row in parts if row[3] is not None}))
    return tuple(found)


def _check(dnc_list: DncList, fields: FileFields) -> None:
    if fields.form not in FORMATS:
        raise Refused(f"format: use {', '.join(FORMATS)}")
    if fields.action not in ACTIONS:
        raise Refused(f"action: use {', '.join(ACTIONS)}")
    if fields.home_country and not is_country(fields.home_country):
        raise Refused(f"country: {fields.home_country!r} is no country; write two letters such as US")
    if dnc_list.national and fields.form not in ("numbers", dnc_list.national):
        raise Refused(f"format: {dnc_list.name!r} is the {NATIONAL[dnc_list.national].name}; use {dnc_list.national}")
    if dnc_list.national and fields.action != "remove":
        if fields.as_of is None:
            raise Refused("as_of: give the day that the list was drawn; its age decides whether it may be called by")
        if fields.as_of > utcnow().astimezone(UTC).date():
            raise Refused("as_of: that day is yet to come")


def _write(engine: Engine, row: DncFile, lines: Iterable[Line], tally: _Tally, course: _Course) -> None:
    now, national, before = utcnow(), NATIONAL.get(row.format), tally.read
    dnc_list_id, owner, file_id = row.dnc_list_id, row.organization_id, row.id

    def write(session: Session, chunk: Sequence[Entry]) -> None:
        off = [entry for entry in chunk if entry.removed or row.action == "remove"]
        on = {(entry.kind, entry.value): entry for entry in chunk if not entry.removed}
        if off:
            tally.changed += _take_off(session, dnc_list_id, off)
        if row.action != "remove" and on:
            session.execute(
                _upsert(session),
                [
                    {
                        "dnc_list_id": dnc_list_id, "organization_id": owner, "kind": kind, "value": value,
                        "until_day": entry.until, "source": "import", "proof": f"file {file_id}", "created_at": now,
                        "file_id": file_id,
                    }
                    for (kind, value), entry in on.items()
                ],
            )  # fmt: skip
            tally.changed += len(on)
        course.keep(session, file_id, tally)

    def counted() -> Iterator[Entry]:
        for number, line in enumerate(lines, 1):
            done = number <= before
            tally.read = max(before, number)
            if isinstance(line, BadLine):
                if done:
                    continue
                tally.rejected += 1
                if len(tally.rejects) < _FIRST_REJECTS:
                    tally.rejects.append({"line": line.line, "reason": line.reason})
                continue
            if national is not None:
                tally.parts.add(part_of(national, line.value))
            if not done:
                yield line

    write_in_chunks(engine, counted(), write, first=500, least=_LEAST, go_on=course.goes_on)


def _upsert(session: Session) -> Any:
    """New entries, and of known ones the later end: what is listed for ever stays so."""
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    statement: Any = (sqlite if on_sqlite else postgresql).insert(DncEntry)
    new, later = statement.excluded, func.max if on_sqlite else func.greatest
    for_ever = or_(DncEntry.until.is_(None) & DncEntry.until_day.is_(None), new.until_day.is_(None))
    day = func.coalesce(DncEntry.until_day, new.until_day)
    stopped = DncEntry.source == SMS_STOP
    return statement.on_conflict_do_update(
        index_elements=["dnc_list_id", "kind", "value"],
        set_={
            "file_id": new.file_id,
            # As `dnc.add` has it: START takes back what STOP did alone.
            "source": case((stopped, new.source), else_=DncEntry.source),
            "proof": case((stopped, new.proof), else_=DncEntry.proof),
            "until": case((for_ever, None), else_=DncEntry.until),
            "until_day": case((for_ever, None), else_=later(day, new.until_day)),
        },
    )


def _take_off(session: Session, dnc_list_id: int, entries: Sequence[Entry]) -> int:
    removed = 0
    for kind in {entry.kind for entry in entries}:
        values = [entry.value for entry in entries if entry.kind == kind]
        mine = (DncEntry.dnc_list_id == dnc_list_id) & (DncEntry.kind == kind)
        for start in range(0, len(values), 500):
            there = mine & DncEntry.value.in_(values[start : start + 500])
            removed += len(session.execute(delete(DncEntry).where(there).returning(DncEntry.id)).all())
    return removed


def _take_off_rest(engine: Engine, dnc_list_id: int, file_id: int, parts: Sequence[str]) -> int:
    removed, size = 0, 500
    for part in parts:
        while True:
            with timed_write(engine) as (session, held):
                rest = (
                    select(DncEntry.id)
                    .where(
                        DncEntry.dnc_list_id == dnc_list_id,
                        DncEntry.kind != DncKind.ERASED,
                        DncEntry.value.startswith(part, autoescape=True),
                        or_(DncEntry.file_id.is_(None), DncEntry.file_id != file_id),
                    )
                    .limit(size)
                )
                gone = len(session.execute(delete(DncEntry).where(DncEntry.id.in_(rest)).returning(DncEntry.id)).all())
            removed += gone
            if gone < size:
                break
            size = next_chunk_size(size, held(), 5000, chunk_budget(engine))
    return removed


def _counts(tally: _Tally) -> dict[str, Any]:
    return {
        "rows_read": tally.read,
        "rows_changed": tally.changed,
        "rows_rejected": tally.rejected,
        "first_rejects": list(tally.rejects),
    }


def _cover(engine: Engine, dnc_list_id: int, parts: Iterable[str], as_of: date) -> None:
    with write_transaction(engine) as session:
        for part in sorted(parts):
            session.merge(DncCoverage(dnc_list_id=dnc_list_id, prefix=part, as_of=as_of))


def _end(engine: Engine, file_id: int, state: ImportState, tally: _Tally, detail: str) -> DncFile:
    with write_transaction(engine) as session:
        row = session.get_one(DncFile, file_id)
        row.state, row.detail, row.ended_at = state, detail[:500], utcnow()
        for name, value in _counts(tally).items():
            setattr(row, name, value)
        session.flush()
        session.expunge(row)
    log.info("dnc_file.ended", file=file_id, state=state.value, rows=tally.read, changed=tally.changed)
    return row
