"""Write chunks of prepared contacts: new ones are added, known ones (by external id) changed in place.

Statements are few and each takes the whole chunk, because this runs under SQLite's write lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.orm import Session

from app.intake.chunks import Chunk, escaped
from app.intake.columns import ADDRESS, PERSON
from app.models import Contact
from app.services.importing import bulk
from app.services.importing.changing import (
    Changes,
    Target,
    begin_anew,
    compare,
    remember,
    write_changes,
)
from app.services.importing.newcomers import Newcomers
from app.services.importing.standing import Again, differing, split_known, standing

_ROW_KEPT = 2000
#: Each id by itself would be dearer than writing its row: the sequence is looked up once, and few go over the wire.
_NEXT_IDS = text(
    "SELECT min(id), max(id), CASE WHEN max(id) - min(id) >= :count THEN array_agg(id) END FROM (SELECT"
    " nextval((SELECT CAST(pg_get_serial_sequence('contact', 'id') AS regclass))) AS id"
    " FROM generate_series(1, :count)) AS fresh"
)
_FOR_MANY = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('work_mem', greatest(32768, pg_size_bytes(current_setting('work_mem')) / 1024) || 'kB', true)"
)


@dataclass(frozen=True, slots=True)
class Written:
    added: int
    updated: int
    skipped: int = 0
    unchanged: int = 0


def write_contacts(
    session: Session, target: Target, chunks: Sequence[Chunk], now: datetime, newcomers: Newcomers | None = None
) -> Written:
    """Where an external id comes twice the later row counts, as an update of the earlier: no two of the chunks may
    hold one id. With `skip_known` the earlier counts and nobody is changed, but who was deleted comes back. Whoever
    the `newcomers` do not know is not looked for; where the list holds them after all, a unique constraint fails."""
    connection = session.connection()
    external_ids = [name for chunk in chunks for name in chunk.external_ids]
    asked = external_ids if newcomers is None else newcomers.perhaps_known(external_ids)
    known = standing(session, target, asked) if asked else {}
    if target.remembers:
        remember(
            session,
            target,
            [stored.id for stored in known.values()],
            [name for chunk in chunks for name in chunk.refused_ids],
        )
    again, unchanged, returned = sum(chunk.repeated for chunk in chunks), 0, 0
    if known:
        split = [split_known(chunk, known) for chunk in chunks]
        chunks = [new for new, _ in split]
        changed = [change for _, changes in split for change in changes]
        back = [again for again in changed if again.stored.deleted]
        if back:
            begin_anew(session, target, [again.stored.id for again in back], now)
        if target.skip_known:
            again, returned = again + len(changed) - len(back), _update(session, target, back, now)
        else:
            updated = _update(session, target, changed, now)
            again, unchanged = again + updated, len(changed) - updated
    added = sum(len(chunk.people) for chunk in chunks)
    if added:
        add = _add_sqlite if connection.dialect.name == "sqlite" else _add_postgresql
        add(connection, target, chunks, now)
    return Written(added, returned, again) if target.skip_known else Written(added, again, 0, unchanged)


def _update(session: Session, target: Target, known: Iterable[Again], now: datetime) -> int:
    """How many of them differ from what the list has."""
    changes = Changes()
    updated = sum(compare(target, *each, changes) for each in differing(session, target, known))
    if updated:
        write_changes(session, target, changes, now)
    return updated


def refresh_statistics(engine: Engine) -> None:
    """Tell PostgreSQL that the tables have grown: plans made while they were empty read them whole for every row."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE contact, address"))


def prepare_for_many(session: Session) -> None:
    """For this transaction PostgreSQL plans each statement for the rows that it is given: the plan that it keeps after
    a few times was made while the table was small, and compares every row with thousands of values one by one. And it
    keeps the rows that triggers look at in memory."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_FOR_MANY)


def write_rejects(session: Session, run_id: int, rejects: Iterable[tuple[int, str, str, str]]) -> None:
    """Line, field, reason and the row as it was."""
    # PostgreSQL keeps no NUL in text.
    rows = [
        (line, field[:120], reason[:500], row[:_ROW_KEPT].rstrip("\r\n").replace("\0", "\u2400"))
        for line, field, reason, row in rejects
    ]
    columns, connection = ("line", "field", "reason", "row", "import_run_id"), session.connection()
    if rows and connection.dialect.name == "sqlite":
        bulk.many(connection, bulk.insertion("import_reject", columns), [(*row, run_id) for row in rows])
    elif rows:
        lines = ["\t".join((str(line), *map(escaped, texts))) for line, *texts in rows]
        bulk.copy(connection, "import_reject", ", ".join(columns), lines, f"\t{run_id}\n")


def _add_sqlite(connection: Connection, target: Target, chunks: Sequence[Chunk], now: datetime) -> None:
    """The ids are counted by SQLite itself, from the first of the chunk on."""
    moment, organization, run = bulk.moment(now), target.organization_id, target.run_id or "NULL"
    # The write lock is ours, so nobody else adds a contact before the commit.
    top = connection.scalar(select(func.coalesce(func.max(Contact.id), 0))) or 0
    for chunk in chunks:
        bulk.many(
            connection,
            f"INSERT INTO contact (id, organization_id, contact_list_id, {', '.join(PERSON)}, last_completion_code,"
            f" created_at, updated_at, import_run_id) VALUES ({top + 1} + ?, {organization}, {target.contact_list_id},"
            f" {', '.join('?' * len(PERSON))}, '', '{moment}', '{moment}', {run})",
            chunk.people,
        )
        bulk.many(
            connection,
            f"INSERT INTO address (organization_id, contact_id, {', '.join(ADDRESS)}, disabled_code)"
            f" VALUES ({organization}, {top + 1} + ?, {', '.join('?' * len(ADDRESS))}, '')",
            chunk.addresses,
        )
        top += max((person[0] for person in chunk.people), default=-1) + 1


def _add_postgresql(connection: Connection, target: Target, chunks: Sequence[Chunk], now: datetime) -> None:
    ids = _reserve_ids(connection, sum(len(chunk.people) for chunk in chunks))
    moment, organization = now.isoformat(), target.organization_id
    run = "\\N" if target.run_id is None else target.run_id
    people, addresses, first = [], [], 0
    for chunk in chunks:
        people += [f"{number}\t{line}" for number, line in zip(ids[first:], chunk.people, strict=False)]
        # A contact's addresses together: the index that has them so is written from one end to the other.
        owned = sorted(zip(chunk.owners, chunk.addresses, strict=True), key=itemgetter(0))
        addresses += [f"{ids[first + owner]}\t{line}" for owner, line in owned]
        first += len(chunk.people)
    columns = (
        f"id, {', '.join(PERSON)}, organization_id, contact_list_id, last_completion_code, created_at, updated_at,"
        " import_run_id"
    )
    end = f"\t{organization}\t{target.contact_list_id}\t\t{moment}\t{moment}\t{run}\n"
    bulk.copy(connection, "contact", columns, people, end)
    columns = f"contact_id, {', '.join(ADDRESS)}, organization_id, disabled_code"
    bulk.copy(connection, "address", columns, addresses, f"\t{organization}\t\n")


def _reserve_ids(connection: Connection, count: int) -> Sequence[int]:
    """One after the other, unless somebody else has added contacts at this very moment."""
    first, last, every = connection.execute(_NEXT_IDS, {"count": count}).one()
    return range(first, last + 1) if last - first == count - 1 else every
