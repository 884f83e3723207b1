"""Whether many texts can hold a person at all, told by marks of them that are kept: so that not every text has to be
read again. Pure.

A mark is 32 bits of a run of letters or digits, of two runs that follow each other, or of digits that signs as in
telephone numbers stand between. Marks say "certainly not" or "perhaps": wherever `Traces.found_in` finds somebody,
`Wanted.may_be_in` says perhaps.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

from app.core.traces import BETWEEN, Traces

#: Where one run has to do alone, it has so many signs at least; shorter ones stand everywhere.
_SHORTEST = 5
#: Digits of a number with 00, the country's code and a 0: at the most.
_LONGEST_NUMBER = 22
_RUN = re.compile(r"[^\W\d_]+|\d+")
_CHAIN = re.compile(rf"\d+(?:{BETWEEN}+\d+)+")
#: The moments that traces are full of (`common.clock.isoformat`) have no marks.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MOMENT_FORM = "0000-00-00t00:00:00.000z"
_TYPE = np.dtype("<u4")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Sets of marks of which one stands whole in a text that holds the person; None where marks cannot tell."""

    ways: frozenset[frozenset[int]] | None

    @classmethod
    def of(cls, traces: Traces) -> Self:
        ways: set[frozenset[int]] = set()
        for text in traces.spellings():
            if (needed := _needed(text)) is None:
                return cls(None)
            ways.add(needed)
        return cls(frozenset(ways))

    def may_be_in(self, packed: bytes) -> bool:
        if self.ways is None:
            return True
        wanted = np.array(sorted(set().union(*self.ways)), _TYPE)
        kept = np.frombuffer(packed, _TYPE)
        if not len(kept) or not len(wanted):
            return False
        places = np.minimum(kept.searchsorted(wanted), len(kept) - 1)
        there = set(wanted[kept[places] == wanted].tolist())
        return any(way <= there for way in self.ways)


def packed_marks(texts: Iterable[str]) -> bytes:
    """Of all texts together."""
    marks = set[int]().union(*map(_marks, texts))
    return np.sort(np.fromiter(marks, _TYPE, len(marks))).tobytes()


def strings_of(value: Any) -> Iterator[str]:
    """Every string of a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)


@lru_cache(maxsize=2048)
def _marks(text: str) -> frozenset[int]:
    """Kept for a while: most lines of most traces are the same."""
    if _MOMENT.fullmatch(text):
        return frozenset()
    said = _folded(text)
    runs = _RUN.findall(said)
    alone = {run for run in runs if len(run) >= _SHORTEST}
    for chain in _CHAIN.findall(said):
        alone.update(_joined(re.findall(r"\d+", chain)))
    return frozenset(map(_mark, alone)).union(map(_mark_of_two, runs, runs[1:]))


def _joined(runs: Sequence[str]) -> Iterator[str]:
    """Digits of neighbours together, as many as a number has."""
    for first in range(len(runs)):
        number = runs[first]
        for run in runs[first + 1 :]:
            number += run
            if len(number) > _LONGEST_NUMBER:
                break
            if len(number) >= _SHORTEST:
                yield number


def _needed(text: str) -> frozenset[int] | None:
    """What a text that has this within it, ends of words around it, has for marks; None where nothing can be said."""
    said = _folded(text)
    if re.sub(r"\d", "0", said) in _MOMENT_FORM:
        return None
    runs = _RUN.findall(said)
    if len(runs) > 1:
        return frozenset(map(_mark_of_two, runs, runs[1:]))
    return frozenset({_mark(runs[0])}) if runs and len(runs[0]) >= _SHORTEST else None


def _folded(text: str) -> str:
    """Letters that searches without regard to capitals take for the same are the same."""
    return text.replace("\u0345", " ").casefold().replace("ı", "i").replace("i\u0307", "i")


@lru_cache(maxsize=16384)
def _mark_of_two(one: str, other: str) -> int:
    return _mark(f"{one} {other}")


def _mark(run: str) -> int:
    return zlib.crc32(run.encode("utf-8", "surrogatepass"))
