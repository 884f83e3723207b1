"""Freeze a job's audience: those of its contact list whom its filter means, into `job_contact`.

The rows are written by the database itself in the order of their contacts, chunk by chunk, so that a crash costs one
chunk: the next run takes the same filter at the same moment (the job's beginning) and leaves out whoever has a row.

Where the filter sorts, the order is kept beside the rows (`job_order`), and nobody is due at first: the director lets
the next few thousand be due whenever few are left, a microsecond apart, which is the order in which engines claim.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Engine,
    LargeBinary,
    Select,
    String,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.core.audience import filter_from_json
from app.db import bulk_engine, read_transaction, write_in_chunks
from app.models import Contact, ContactList, Job, JobContact, JobContactState, JobOrder
from app.models.base import Json, UtcDateTime
from app.models.campaign import NOT_YET
from app.services.audience.sql import Compiler, successful_codes
from app.services.exclusions import left_out
from app.services.sharing import lists_of

LANES = 64
#: Contacts that become due together, and how many shall be due at least.
PIECE, AHEAD = 2000, 6000
_FIRST, _LARGEST = 2000, 20_000
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of whom the audience is made."""

    job_id: int
    organization_id: int
    contact_list_id: int
    campaign_id: int
    filter: dict[str, Any]
    types: dict[str, str]
    begun: datetime
    resumed: bool

    @property
    def sorted(self) -> bool:
        return bool(self.filter.get("sort"))


def freeze_audience(
    engine: Engine, job_id: int, now: datetime, check: Callable[[Session], None], go_on: Callable[[], bool]
) -> None:
    """`check` is asked in each writing transaction and raises when the writer may write no longer."""
    asked = _asked(engine, job_id)

    def write(session: Session, contact_ids: Sequence[int]) -> None:
        check(session)
        added = session.connection().execute(_insertion(session, asked, contact_ids, now))
        session.execute(update(Job).where(Job.id == job_id).values(audience=Job.audience + added.rowcount))

    with bulk_engine(engine) as bulk:
        if asked.sorted and not asked.resumed:
            _keep_order(bulk, asked, check, go_on)
        audience = _ordered_ids(bulk, asked) if asked.sorted else _contact_ids(bulk, asked)
        write_in_chunks(bulk, audience, write, first=_FIRST, largest=_LARGEST, least=_FIRST, go_on=go_on)


def release(session: Session, job_id: int, now: datetime) -> int:
    """Let the next contacts of a sorted job be due where few are; how many. For the director, in its transaction."""
    piece = session.scalar(select(JobOrder).where(JobOrder.job_id == job_id).order_by(JobOrder.part).limit(1))
    if piece is None:
        return 0
    ready = (JobContact.job_id == job_id, JobContact.state == JobContactState.READY, JobContact.due_at <= now)
    due = select(JobContact.id).where(*ready).limit(AHEAD).subquery()
    if session.scalar(select(func.count()).select_from(due)) == AHEAD:
        return 0
    contact_ids = array("q", piece.contact_ids)
    moments = [
        {"contact": contact_id, "moment": now + timedelta(microseconds=place - len(contact_ids))}
        for place, contact_id in enumerate(contact_ids)
    ]
    session.connection().execute(_RELEASE, [{**moment, "job": job_id} for moment in moments])
    session.delete(piece)
    return len(contact_ids)


def forget_order(session: Session, job_id: int) -> None:
    """Of a job that has ended."""
    session.execute(delete(JobOrder).where(JobOrder.job_id == job_id))


def _asked(engine: Engine, job_id: int) -> _Asked:
    with read_transaction(engine) as session:
        job = session.get_one(Job, job_id)
    made = job.settings.get("filter") or {}
    return _Asked(
        job_id=job_id,
        organization_id=job.organization_id,
        contact_list_id=int(job.settings["contact_list_id"]),
        campaign_id=job.campaign_id,
        filter=made.get("definition", {}),
        types=made.get("types", {}),
        begun=job.created_at,
        resumed=job.audience > 0,
    )


def _keep_order(engine: Engine, asked: _Asked, check: Callable[[Session], None], go_on: Callable[[], bool]) -> None:
    """Before the first row is written; what a crash left of it is written anew."""
    ids = _contact_ids(engine, asked)
    pieces = [
        {"job_id": asked.job_id, "part": part, "contact_ids": ids[first : first + PIECE].tobytes()}
        for part, first in enumerate(range(0, len(ids), PIECE))
    ]

    def write(session: Session, chunk: Sequence[dict[str, Any]]) -> None:
        check(session)
        if chunk[0]["part"] == 0:
            forget_order(session, asked.job_id)
        session.execute(insert(JobOrder), chunk)

    write_in_chunks(engine, pieces, write, first=50, largest=500, go_on=go_on)


def _ordered_ids(engine: Engine, asked: _Asked) -> Iterator[int]:
    """Whom the order holds and who has no row yet, as their contacts came."""
    ids = array("q")
    with read_transaction(engine) as session:
        pieces = select(JobOrder.contact_ids).where(JobOrder.job_id == asked.job_id)
        for piece in session.scalars(pieces.execution_options(yield_per=100)):
            ids.frombytes(piece)
        frozen: set[int] = set()
        if asked.resumed:
            frozen.update(session.scalars(select(JobContact.contact_id).where(JobContact.job_id == asked.job_id)))
    return iter(sorted(key for key in ids if key not in frozen))


def _contact_ids(engine: Engine, asked: _Asked) -> array[int]:
    """Eight bytes a contact, so that ten million are no burden."""
    found = array("q")
    made = filter_from_json(asked.filter)
    with read_transaction(engine) as session:
        mine = lists_of(asked.organization_id)
        if session.scalar(select(ContactList.id).where(ContactList.id == asked.contact_list_id, mine)) is None:
            return found  # its owner shares it no more
        successes = successful_codes(session, asked.organization_id)
        compiler = Compiler(engine.dialect.name, asked.types, asked.begun, successes)
        wanted = select(Contact.id).where(
            Contact.contact_list_id == asked.contact_list_id,
            Contact.deleted_at.is_(None),
            compiler.where(made),
            *left_out(session, asked.contact_list_id, asked.campaign_id),
        )
        if asked.resumed:
            mine = exists().where(JobContact.contact_id == Contact.id, JobContact.job_id == asked.job_id)
            wanted = wanted.where(~mine)
        _fetch(session, wanted.order_by(*compiler.order(made)), found)
    return found


def _fetch(session: Session, ordered: Select[int], found: array[int]) -> None:
    """A million ids without a million rows: PostgreSQL hands them over as one value, SQLite's driver page by page."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        cursor: Any = connection.execute(ordered).cursor
        while page := cursor.fetchmany(_PAGE):
            found.extend([key for (key,) in page])
        return
    key = func.int8send(ordered.subquery().c.id, type_=LargeBinary)
    joined = func.string_agg(key, literal_column("''::bytea"), type_=LargeBinary)
    found.frombytes(connection.execute(select(joined)).scalar() or b"")
    if sys.byteorder == "little":
        found.byteswap()


def _insertion(session: Session, asked: _Asked, contact_ids: Sequence[int], now: datetime) -> Any:
    """In the order of the contacts, as they are given; whoever was deleted or excluded since is left out."""
    values = {
        JobContact.organization_id: literal(asked.organization_id),
        JobContact.job_id: literal(asked.job_id),
        JobContact.contact_id: Contact.id,
        JobContact.lane: Contact.id % LANES,
        JobContact.state: cast(literal(str(JobContactState.READY)), String),
        JobContact.due_at: literal(NOT_YET if asked.sorted else now, UtcDateTime()),
        JobContact.strategy_state: literal({}, Json),
        JobContact.updated_at: literal(now, UtcDateTime()),
    }
    source = _joined(session, select(*values.values()), asked.contact_list_id, contact_ids).where(
        Contact.deleted_at.is_(None), *left_out(session, asked.contact_list_id, asked.campaign_id)
    )
    made = insert(JobContact).from_select([column.key for column in values], source)
    return made.execution_options(preserve_rowcount=True)


def _joined(session: Session, wanted: Any, contact_list_id: int, contact_ids: Sequence[int]) -> Any:
    """With these contacts of the list, in their order."""
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(contact_ids)).table_valued("key", "value")
        return wanted.select_from(listed).join(Contact, Contact.id == listed.c.value).order_by(listed.c.key)
    # As text, since the driver looks at each member of a list; with bounds, or the planner reads the whole list of
    # contacts for a few thousand of them.
    ids = cast(literal(f"{{{','.join(map(str, contact_ids))}}}", String), postgresql.ARRAY(BigInteger))
    listed = func.unnest(ids).table_valued("value").render_derived()
    mine = Contact.contact_list_id == contact_list_id
    few = wanted.select_from(listed).join(Contact, Contact.id == listed.c.value)
    return few.where(mine, Contact.id.between(contact_ids[0], contact_ids[-1])).order_by(Contact.id)


def _release_statement() -> Any:
    job_contact: Any = JobContact.__table__
    return (
        update(job_contact)
        .where(
            job_contact.c.contact_id == bindparam("contact"),
            job_contact.c.job_id == bindparam("job"),
            job_contact.c.due_at == NOT_YET,
        )
        .values(due_at=bindparam("moment"))
    )


_RELEASE = _release_statement()
