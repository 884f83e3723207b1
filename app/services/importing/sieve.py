"""Tells at once of nearly everybody that no do-not-call list has them.

A bit for each entry, at the place that a checksum of it gives: where it is not set, nobody is listed; where it is, the
database is asked. Without a sieve, when the lists are many times the file, it is asked for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import DncEntry, DncKind
from app.services.importing.columns import PERSON, Address, Person

#: Kind and value, as `dnc.blocked` takes them.
Subject = tuple[str, str]
_SEEDS = {kind.value: number for number, kind in enumerate(DncKind, 1)}
#: Bits for each entry, so that one look in sixteen at most asks for nothing.
_SPARSE = 16
_EXTERNAL_ID, _CUSTOMER_ID = PERSON.index("external_id"), PERSON.index("customer_id")
_FEWEST, _MOST = 1 << 16, 1 << 29


class Sieve:
    def __init__(self, bits: bytes | bytearray, kinds: Iterable[str]) -> None:
        self.bits = bits
        self.kinds = frozenset(kinds)
        self._mask = len(bits) * 8 - 1

    def held(self, kind: str, values: Iterable[str]) -> list[int]:
        """The places of those values that may be listed."""
        bits, mask, seed = self.bits, self._mask, _SEEDS[kind]
        places = [crc32(value.encode(), seed) & mask for value in values]
        return [at for at, place in enumerate(places) if bits[place >> 3] >> (place & 7) & 1]


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
        place = crc32(value.encode(), _SEEDS[kind]) & (size - 1)
        bits[place >> 3] |= 1 << (place & 7)
        kinds.add(kind)
    return Sieve(bits, kinds)


def suspects(sieve: Sieve | None, people: Sequence[Person], addresses: Sequence[Address]) -> list[tuple[int, str, str]]:
    """Place among the people, kind and value of all that a list may hold."""
    found = []
    kinds = _SEEDS if sieve is None else sieve.kinds
    for kind, column in ((DncKind.CONTACT_ID, _EXTERNAL_ID), (DncKind.CUSTOMER_ID, _CUSTOMER_ID)):
        if kind in kinds:
            found += _held(sieve, kind.value, range(len(people)), [person[column] for person in people])
    for kind in (DncKind.PHONE, DncKind.EMAIL):
        if kind in kinds:
            theirs = [address for address in addresses if address[1] == kind]
            found += _held(sieve, kind.value, [each[0] for each in theirs], [each[4] for each in theirs])
    return found


def _held(sieve: Sieve | None, kind: str, owners: Sequence[int], values: Sequence[str]) -> list[tuple[int, str, str]]:
    places = range(len(values)) if sieve is None else sieve.held(kind, values)
    return [(owners[at], kind, values[at]) for at in places if values[at]]
