"""Names of imported contacts, entered for the search once their import is over.

An index kept during the import would cost it a page for each row. Afterwards the database sorts the names itself and
enters them in their own order, some thousand contacts at a time, beside whatever else it has to do: other imports, jobs
and people. How far an import's names are entered is kept with it (`ImportRun.names_after`), and one process at a time
enters them, under a claim that is renewed with each piece; after a crash the next goes on where the last piece ended.

A name that is changed or deleted meanwhile is entered as it is by then: what is written is looked at once more in the
writing transaction. On PostgreSQL the triggers that follow changes wait for that transaction, and it for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    CursorResult,
    Engine,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from app.db import (
    among,
    bulk_engine,
    chunk_budget,
    insert_missing,
    next_chunk_size,
    read_transaction,
    timed_write,
    write_in_chunks,
    write_transaction,
)
from app.models import Contact, ContactList, ContactName, ImportRun, ImportState
from common.clock import utcnow

log = structlog.get_logger()

#: Contacts whose names SQLite sorts at a time, in memory (some 80 bytes each).
_RUN = 200_000
#: Contacts (PostgreSQL) or names (SQLite) of the first transaction, the smallest and the largest. Fewer would take less
#: than their commit does.
_FIRST, _LEAST, _LARGEST = 2_000, 500, 50_000
#: Longer than sorting a run takes on a busy machine.
_CLAIM = timedelta(seconds=60)
#: An import that is open for so long has died unseen: what it brought is no news.
_GIVEN_UP = timedelta(days=1)
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)
_COLUMNS = ("organization_id", "term", "contact_id")
_WAITS = ImportRun.names_after.is_not(None)
_SORTED = """CREATE TEMP TABLE sorted_name AS
SELECT organization_id, lower(first_name) AS term, id FROM contact
 WHERE contact_list_id = :contact_list AND id > :after AND id <= :last AND first_name <> '' AND deleted_at IS NULL
UNION SELECT organization_id, lower(last_name), id FROM contact
 WHERE contact_list_id = :contact_list AND id > :after AND id <= :last AND last_name <> '' AND deleted_at IS NULL
ORDER BY 1, 2, 3"""
_STILL_SO = """INSERT OR IGNORE INTO contact_name (organization_id, term, contact_id)
SELECT named.organization_id, named.term, named.id FROM temp.sorted_name AS named JOIN contact ON contact.id = named.id
 WHERE named.rowid BETWEEN :first AND :last AND deleted_at IS NULL
   AND named.term IN (lower(first_name), lower(last_name))"""


class _Lost(Exception):
    """Another enters these names, or their import is gone."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Contacts of a list after `after` up to `last`; `until` tells this claim from a later one."""

    run_id: int
    organization_id: int
    contact_list_id: int
    after: int
    last: int
    until: datetime


def names_wait(session: Session, lists: Sequence[ContactList]) -> bool:
    """Whether names of contacts in these lists are still to be entered, and so not found yet."""
    alive = or_(ImportRun.state.not_in(_OPEN), ImportRun.started_at > utcnow() - _GIVEN_UP)
    mine = ImportRun.contact_list_id.in_([each.id for each in lists])
    return session.scalar(select(ImportRun.id).where(_WAITS, mine, alive).limit(1)) is not None


def last_contact(session: Session) -> int:
    """The greatest contact id there is: an import that begins now adds greater ones."""
    return session.scalar(select(func.max(Contact.id))) or 0


def enter_names_of(session: Session, contact_list_id: int, external_ids: Sequence[str]) -> None:
    """Enter the names of a few contacts of a list at once, whoever added them."""
    _insert(
        session, and_(Contact.contact_list_id == contact_list_id, among(session, Contact.external_id, external_ids))
    )


def enter_names_by_id(session: Session, contact_ids: Sequence[int]) -> None:
    """Enter the names of these contacts where they are missing."""
    _insert(session, among(session, Contact.id, contact_ids))


def names_in_order(session: Session, contact_ids: Sequence[int]) -> list[tuple[int, str, int]]:
    """What `contact_name` holds of these contacts, in its order."""
    which = among(session, Contact.id, contact_ids)
    rows = session.execute(_names_of(which)).all()
    return sorted((home, term, key) for home, term, key in rows)


def take_names_out(session: Session, names: Sequence[tuple[int, str, int]]) -> None:
    """Quick where they come in the table's order."""
    table = ContactName.__table__
    assert isinstance(table, Table)
    gone = delete(table).where(*(column == bindparam(f"at_{column.name}") for column in table.columns))
    keys = ("at_organization_id", "at_term", "at_contact_id")
    session.connection().execute(gone, [dict(zip(keys, name, strict=True)) for name in names])


def enter_names(engine: Engine, go_on: Callable[[], bool] = lambda: True) -> int:
    """Enter the names of imports that are over and that nobody else is at; of how many imports. `go_on` is asked before
    each piece."""
    imports = 0
    while go_on() and _next(engine, utcnow()) is not None:
        with bulk_engine(engine) as bulk:
            claim = _claim(bulk, utcnow())
            if claim is not None and _enter(bulk, claim, go_on):
                imports += 1
    return imports


def _next(engine: Engine, now: datetime) -> int | None:
    with read_transaction(engine) as session:
        over = ImportRun.state.not_in(_OPEN)
        return session.scalar(select(ImportRun.id).where(_WAITS, over, _free(now)).order_by(ImportRun.id).limit(1))


def _claim(engine: Engine, now: datetime) -> _Claim | None:
    run_id, until = _next(engine, now), now + _CLAIM
    if run_id is None:
        return None
    with write_transaction(engine) as session:
        mine = update(ImportRun).where(ImportRun.id == run_id, _WAITS, _free(now)).values(names_claimed_until=until)
        claimed = session.execute(mine)
        assert isinstance(claimed, CursorResult)
        if not claimed.rowcount:
            return None
        run = session.get_one(ImportRun, run_id)
        there = (Contact.contact_list_id == run.contact_list_id, Contact.deleted_at.is_(None))
        last = session.scalar(select(func.max(Contact.id)).where(*there))
        return _Claim(run_id, run.organization_id, run.contact_list_id, run.names_after or 0, last or 0, until)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(ImportRun.names_claimed_until.is_(None), ImportRun.names_claimed_until < now)


def _enter(engine: Engine, claim: _Claim, go_on: Callable[[], bool]) -> bool:
    """Whether all of them are entered."""
    enter = _by_name if engine.dialect.name == "sqlite" else _by_contact
    try:
        for reached in enter(engine, claim, go_on):
            claim = reached
        whole = claim.after >= claim.last
        if whole and engine.dialect.name == "postgresql":
            _count_names(engine)
        with write_transaction(engine) as session:
            _move(session, claim, None, names_after=None if whole else claim.after)
    except _Lost:
        log.info("names.left_to_another", import_run=claim.run_id)
        return False
    return whole


def _by_contact(engine: Engine, claim: _Claim, go_on: Callable[[], bool]) -> Iterator[_Claim]:
    """As the contacts came, each piece sorted: an index in memory takes names in any order."""
    size = _FIRST
    while claim.after < claim.last and go_on():
        with timed_write(engine) as (session, held):
            keep_names_still(session, claim.organization_id)
            piece = replace(claim, last=_end(session, claim, size))
            _insert(session, _within(piece))
            claim = _move(session, claim, utcnow() + _CLAIM, names_after=piece.last)
        yield claim
        size = max(_LEAST, next_chunk_size(size, held(), _LARGEST, chunk_budget(engine)))


def _by_name(engine: Engine, claim: _Claim, go_on: Callable[[], bool]) -> Iterator[_Claim]:
    """In the order of the names, so that a page of the table is written once for a run, not once for a piece."""
    while claim.after < claim.last and go_on():
        with read_transaction(engine) as session:
            run = replace(claim, last=_end(session, claim, _RUN))
        with _sorted_names(engine, run) as count:
            claim, written = _write_sorted(engine, claim, count, go_on)
            if written < count:
                yield claim
                return
        with write_transaction(engine) as session:
            claim = _move(session, claim, utcnow() + _CLAIM, names_after=run.last)
        yield claim


@contextmanager
def _sorted_names(engine: Engine, run: _Claim) -> Iterator[int]:
    """The run's names in a table of this connection; how many."""
    values = {"contact_list": run.contact_list_id, "after": run.after, "last": run.last}
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS temp.sorted_name"))
        connection.execute(text(_SORTED), values)
        count: int = connection.execute(text("SELECT count(*) FROM temp.sorted_name")).scalar_one()
    try:
        yield count
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE temp.sorted_name"))


def _write_sorted(engine: Engine, claim: _Claim, count: int, go_on: Callable[[], bool]) -> tuple[_Claim, int]:
    def write(session: Session, places: Sequence[int]) -> None:
        nonlocal claim
        session.execute(text(_STILL_SO), {"first": places[0], "last": places[-1]})
        claim = _move(session, claim, utcnow() + _CLAIM, names_after=claim.after)

    written = write_in_chunks(
        engine, range(1, count + 1), write, first=_FIRST, largest=_LARGEST, least=_LEAST, go_on=go_on
    )
    return claim, written


def _end(session: Session, claim: _Claim, contacts: int) -> int:
    """The id of the contact up to which there are so many."""
    ids = select(Contact.id).where(_within(claim)).order_by(Contact.id).offset(contacts - 1).limit(1)
    return session.scalar(ids) or claim.last


def _within(claim: _Claim) -> ColumnElement[bool]:
    there = and_(Contact.contact_list_id == claim.contact_list_id, Contact.deleted_at.is_(None))
    return and_(there, Contact.id > claim.after, Contact.id <= claim.last)


def _insert(session: Session, which: ColumnElement[bool]) -> None:
    """Made, sorted and entered by the database itself."""
    both = _names_of(which).order_by(text("1, 2, 3"))
    session.execute(insert_missing(session, ContactName).from_select(_COLUMNS, both))


def _names_of(which: ColumnElement[bool]) -> CompoundSelect[int, str, int]:
    first, last = (
        select(Contact.organization_id, func.lower(name).label("term"), Contact.id).where(which, name != "")
        for name in (Contact.first_name, Contact.last_name)
    )
    return first.union(last)


def _move(session: Session, claim: _Claim, until: datetime | None, *, names_after: int | None) -> _Claim:
    """Keep how far it is, and for how long the claim holds. Raise _Lost where it does not hold any more."""
    mine = update(ImportRun).where(ImportRun.id == claim.run_id, ImportRun.names_claimed_until == claim.until)
    moved = session.execute(mine.values(names_after=names_after, names_claimed_until=until))
    assert isinstance(moved, CursorResult)
    if not moved.rowcount:
        raise _Lost
    return replace(claim, after=claim.after if names_after is None else names_after, until=until or claim.until)


def _count_names(engine: Engine) -> None:
    """Tell the planner at once how many names there are of each beginning: it would look for them the wrong way."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE contact_name"))


def keep_names_still(session: Session, organization_id: int) -> None:
    """Until the transaction ends, who changes or deletes a name waits, as the triggers say; and who was at it has
    committed."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('contact_name'), CAST(:home AS integer))"),
        {"home": organization_id},
    )
