"""Named leases: an engine's life and the director's chair.

A lease belongs to one owner until it expires. Its fence rises with every new owner; who writes under a lease names
its fence, so that an owner that slept through its lease is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import Lease as LeaseRow

#: Names of engines' lives begin so (`app.services.explain` looks for them).
LIFE = "engine:"
DIRECTOR = "director"


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    owner: str
    fence: int
    expires_at: datetime


def acquire(engine: Engine, name: str, owner: str, now: datetime, until: datetime) -> Lease | None:
    """The lease, when it is free, expired, or ours already; None while another holds it."""
    try:
        with write_transaction(engine) as session:
            row = session.get(LeaseRow, name, with_for_update=True)
            if row is None:
                session.execute(insert(LeaseRow).values(name=name, owner=owner, fence=1, expires_at=until))
                return Lease(name, owner, 1, until)
            if row.owner == owner and row.expires_at > now:
                row.expires_at = until
            elif row.expires_at <= now:
                row.owner, row.fence, row.expires_at = owner, row.fence + 1, until
            else:
                return None
            return Lease(name, owner, row.fence, until)
    except IntegrityError:
        return None  # another made the row between our look and our insert


def renew(engine: Engine, lease: Lease, until: datetime) -> bool:
    """False when it was lost: another owner has it, or had it."""
    held = (LeaseRow.name == lease.name) & (LeaseRow.owner == lease.owner) & (LeaseRow.fence == lease.fence)
    with write_transaction(engine) as session:
        changed = session.execute(update(LeaseRow).where(held).values(expires_at=until))
        assert isinstance(changed, CursorResult)
        return changed.rowcount == 1


def release(engine: Engine, lease: Lease, now: datetime) -> None:
    """Let the next owner in at once; the row and its fence stay."""
    held = (LeaseRow.name == lease.name) & (LeaseRow.owner == lease.owner) & (LeaseRow.fence == lease.fence)
    with write_transaction(engine) as session:
        session.execute(update(LeaseRow).where(held).values(expires_at=now))


def holds(session: Session, lease: Lease, now: datetime) -> bool:
    """Asked inside the transaction that writes under the lease."""
    row = session.get(LeaseRow, lease.name, populate_existing=True)
    return row is not None and row.owner == lease.owner and row.fence == lease.fence and row.expires_at > now


def live_owners(engine: Engine, now: datetime) -> list[str]:
    """Owners of engines' lives, in order of name: the rank of an engine among them is its share of the lanes."""
    with read_transaction(engine) as session:
        wanted = select(LeaseRow.owner).where(LeaseRow.name.startswith(LIFE), LeaseRow.expires_at > now)
        return list(session.scalars(wanted.order_by(LeaseRow.name)))


def forget_dead(engine: Engine, before: datetime) -> None:
    """Remove lives that ended long ago; names of engines come and go with machines."""
    with write_transaction(engine) as session:
        session.execute(delete(LeaseRow).where(LeaseRow.name.startswith(LIFE), LeaseRow.expires_at < before))
