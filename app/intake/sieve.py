"""Tells at once of nearly everybody that no do-not-call list has them.

A bit for each entry, at the place that a checksum of it gives: where it is not set, nobody is listed; where it is, the
database is asked. Without a sieve, when the lists are many times the file, it is asked for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

from app.core.terms import DncKind
from app.intake.columns import PERSON, Address, Person

#: Kind and value, as `dnc.blocked` takes them.
Subject = tuple[str, str]
SEEDS = {kind.value: number for number, kind in enumerate(DncKind, 1)}
_EXTERNAL_ID, _CUSTOMER_ID = PERSON.index("external_id"), PERSON.index("customer_id")


class Sieve:
    def __init__(self, bits: bytes | bytearray, kinds: Iterable[str]) -> None:
        self.bits = bits
        self.kinds = frozenset(kinds)
        self._mask = len(bits) * 8 - 1

    def held(self, kind: str, values: Iterable[str]) -> list[int]:
        """The places of those values that may be listed."""
        bits, mask, seed = self.bits, self._mask, SEEDS[kind]
        places = [crc32(value.encode(), seed) & mask for value in values]
        return [at for at, place in enumerate(places) if bits[place >> 3] >> (place & 7) & 1]


def suspects(sieve: Sieve | None, people: Sequence[Person], addresses: Sequence[Address]) -> list[tuple[int, str, str]]:
    """Place among the people, kind and value of all that a list may hold."""
    found = []
    kinds = SEEDS if sieve is None else sieve.kinds
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
