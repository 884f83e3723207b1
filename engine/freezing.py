"""Freeze a job's audience: those of its contact list whom its filter means, into `job_contact`, in the filter's order.

Engines claim rows of one due time by their ids, so the order in which rows are written is the order of dialling. The
ids are read in one look; the rows are written by the database itself, chunk by chunk, so that a crash costs one chunk:
the next run takes the same filter at the same moment (the job's beginning) and leaves out whoever has a row already.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Engine, String, cast, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.core.audience import filter_from_json
from app.db import bulk_engine, read_transaction, write_in_chunks
from app.models import Contact, Job, JobContact, JobContactState
from app.models.base import Json, UtcDateTime
from app.services.audience.sql import Compiler, successful_codes

LANES = 64
#: Rows of a transaction. In small ones each row costs a page of the contacts' index on SQLite.
_LEAST, _FIRST, _LARGEST = 2000, 4000, 20_000
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of whom the audience is made."""

    job_id: int
    organization_id: int
    contact_list_id: int
    filter: dict[str, Any]
    types: dict[str, str]
    begun: datetime
    resumed: bool


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
        audience = _contact_ids(bulk, asked)
        write_in_chunks(bulk, audience, write, first=_FIRST, largest=_LARGEST, least=_LEAST, go_on=go_on)


def _asked(engine: Engine, job_id: int) -> _Asked:
    with read_transaction(engine) as session:
        job = session.get_one(Job, job_id)
    made = job.settings.get("filter") or {}
    return _Asked(
        job_id=job_id,
        organization_id=job.organization_id,
        contact_list_id=int(job.settings["contact_list_id"]),
        filter=made.get("definition", {}),
        types=made.get("types", {}),
        begun=job.created_at,
        resumed=job.audience > 0,
    )


def _contact_ids(engine: Engine, asked: _Asked) -> array[int]:
    """Eight bytes a contact, so that ten million are no burden."""
    found = array("q")
    made = filter_from_json(asked.filter)
    with read_transaction(engine) as session:
        successes = successful_codes(session, asked.organization_id)
        compiler = Compiler(engine.dialect.name, asked.types, asked.begun, successes)
        wanted = select(Contact.id).where(
            Contact.contact_list_id == asked.contact_list_id, Contact.deleted_at.is_(None), compiler.where(made)
        )
        if asked.resumed:
            mine = select(JobContact.id).where(JobContact.contact_id == Contact.id, JobContact.job_id == asked.job_id)
            wanted = wanted.where(~mine.exists())
        rows = session.execute(wanted.order_by(*compiler.order(made)).execution_options(yield_per=_PAGE))
        for page in rows.scalars().partitions():
            found.extend(page)
    return found


def _insertion(session: Session, asked: _Asked, contact_ids: Sequence[int], now: datetime) -> Any:
    """Whoever was deleted since is left out."""
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(contact_ids)).table_valued("key", "value")
        place = listed.c.key
    else:
        ids = literal(contact_ids, postgresql.ARRAY(BigInteger))
        listed = func.unnest(ids).table_valued("value", with_ordinality="key").render_derived()
        place = listed.c.key
    moment = literal(now, UtcDateTime())
    values = {
        JobContact.organization_id: literal(asked.organization_id),
        JobContact.job_id: literal(asked.job_id),
        JobContact.contact_id: Contact.id,
        JobContact.lane: Contact.id % LANES,
        JobContact.state: cast(literal(str(JobContactState.READY)), String),
        JobContact.due_at: moment,
        JobContact.strategy_state: literal({}, Json),
        JobContact.updated_at: moment,
    }
    source = (
        select(*values.values())
        .select_from(listed)
        .join(Contact, Contact.id == listed.c.value)
        .where(Contact.deleted_at.is_(None))
        .order_by(place)
    )
    made = insert(JobContact).from_select([column.key for column in values], source)
    return made.execution_options(preserve_rowcount=True)
