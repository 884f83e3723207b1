"""Taking files of do-not-call entries into a list, out of one, and instead of what one had; and how old lists are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core.compliance import NATIONAL, Coverage, part_of
from app.core.phone import is_country
from app.db import chunk_budget, next_chunk_size, timed_write, write_in_chunks, write_transaction
from app.models import DncCoverage, DncEntry, DncFile, DncKind, DncList, ImportState
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.dnc import SMS_STOP, chosen_lists
from app.services.dnc_formats import FORMATS, BadLine, Entry, Line, read_lines
from app.services.importing.spooling import spooled
from app.services.number_formats import country_to_read_by
from common.clock import utcnow
from common.errors import ClarionError, Refused

log = structlog.get_logger()

ACTIONS = ("add", "remove", "replace")
_FIRST_REJECTS = 100


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
    actor.require(Permission.DNC_EDIT)
    with write_transaction(engine) as session:
        dnc_list = get_scoped(session, actor, DncList, dnc_list_id)
        _check(dnc_list, fields)
        country = country_to_read_by(session, dnc_list.organization_id, fields.home_country)
        row = DncFile(
            organization_id=dnc_list.organization_id, dnc_list_id=dnc_list.id, file_name=path.name[:255],
            format=fields.form, action=fields.action, state=ImportState.RUNNING, first_rejects=[], started_at=utcnow(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        after = {"list": dnc_list.name, "file": row.file_name, "action": fields.action, "format": fields.form}
        record(session, actor, "dnc.file", row, after=after)
        file_id, owner, national = row.id, dnc_list.organization_id, dnc_list.national
    tally = _Tally()
    try:
        with spooled(path, may_guess=True) as spool:
            lines = read_lines(spool, fields.form, country, utcnow().date())
            _write(engine, dnc_list_id, owner, file_id, fields, lines, tally, on_progress)
            if fields.action == "replace":
                tally.changed += _take_off_rest(engine, dnc_list_id, file_id, sorted(tally.parts) if national else [""])
            if national and fields.action != "remove":
                _cover(engine, dnc_list_id, tally.parts, fields.as_of)
    except (ClarionError, OSError) as error:
        return _end(engine, file_id, ImportState.FAILED, tally, str(error))
    return _end(engine, file_id, ImportState.COMPLETED, tally, "")


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


def _write(
    engine: Engine,
    dnc_list_id: int,
    owner: int | None,
    file_id: int,
    fields: FileFields,
    lines: Iterable[Line],
    tally: _Tally,
    on_progress: Callable[[int], None] | None,
) -> None:
    now, national = utcnow(), NATIONAL.get(fields.form)

    def write(session: Session, chunk: Sequence[Entry]) -> None:
        off = [entry for entry in chunk if entry.removed or fields.action == "remove"]
        on = {(entry.kind, entry.value): entry for entry in chunk if not entry.removed}
        if off:
            tally.changed += _take_off(session, dnc_list_id, off)
        if fields.action != "remove" and on:
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
        if on_progress is not None:
            on_progress(tally.read)

    def counted() -> Iterator[Entry]:
        for line in lines:
            tally.read += 1
            if isinstance(line, BadLine):
                tally.rejected += 1
                if len(tally.rejects) < _FIRST_REJECTS:
                    tally.rejects.append({"line": line.line, "reason": line.reason})
                continue
            if national is not None:
                tally.parts.add(part_of(national, line.value))
            yield line

    write_in_chunks(engine, counted(), write, first=500)


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


def _cover(engine: Engine, dnc_list_id: int, parts: Iterable[str], as_of: date | None) -> None:
    assert as_of is not None
    with write_transaction(engine) as session:
        for part in sorted(parts):
            session.merge(DncCoverage(dnc_list_id=dnc_list_id, prefix=part, as_of=as_of))


def _end(engine: Engine, file_id: int, state: ImportState, tally: _Tally, detail: str) -> DncFile:
    with write_transaction(engine) as session:
        row = session.get_one(DncFile, file_id)
        row.state, row.detail, row.ended_at = state, detail[:500], utcnow()
        row.rows_read, row.rows_changed, row.rows_rejected = tally.read, tally.changed, tally.rejected
        row.first_rejects = tally.rejects
        session.flush()
        session.expunge(row)
    log.info("dnc_file.ended", file=file_id, state=state.value, rows=tally.read, changed=tally.changed)
    return row
