"""The sieve of all entries that do-not-call lists hold for an organization."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.intake.sieve import SEEDS, Sieve
from app.models import DncEntry

#: Bits for each entry, so that one look in sixteen at most asks for nothing.
_SPARSE = 16
_FEWEST, _MOST = 1 << 16, 1 << 29


def make_sieve(session: Session, organization_id: int, most: int) -> Sieve | None:
    """Of all entries that may hold for the organization; None when there are more than `most`."""
    own = or_(DncEntry.organization_id == organization_id, DncEntry.organization_id.is_(None))
    count = session.scalar(select(func.count()).select_from(select(DncEntry.id).where(own).limit(most + 1).subquery()))
    if count is None or count > most:
        return None
    size = _FEWEST
    while size < min(count * _SPARSE, _MOST):
        size *= 2
    bits, kinds = bytearray(size // 8), set[str]()
    entries: Any = session.execute(select(DncEntry.kind, DncEntry.value).where(own)).yield_per(10_000)
    for kind, value in entries:
        place = crc32(value.encode(), SEEDS[kind]) & (size - 1)
        bits[place >> 3] |= 1 << (place & 7)
        kinds.add(kind)
    return Sieve(bits, kinds)
