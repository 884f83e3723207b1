"""Where numbers are from, as a table that is read where it lies: by processes that share the pages of one file.

phonenumbers has names by prefix, the longest of which counts. Here each prefix is the stretch of numbers that it holds,
so a look-up is one search among the beginnings of stretches. A number counts as its first nine digits to the base of
eleven: the end of a short number comes before every digit, and no prefix longer than the number itself fits it.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping

#: So many digits of a number count, to this base.
DIGITS = 9
BASE = 11
_SHIFTED = str.maketrans("0123456789", "123456789a")
#: "CLNR" and the layout's number, in the byte order of the machine that compiled it.
_MAGIC = 0x434C4E52 << 32 | 1
#: Magic, sum of all that comes after, then the items of each part: two of areas, two of carriers, two of countries,
#: ends of texts, and the bytes of texts.
_HEADER = struct.Struct("=QI8I")
_ITEM = 4


class BrokenTable(ValueError):
    """Not a table, or not whole."""


class RegionTable:
    """Over what `pack` made, most often a mapped file; nothing of it is copied."""

    def __init__(self, buffer: bytes | memoryview) -> None:
        """Raise BrokenTable."""
        whole = memoryview(buffer)
        if len(whole) < _HEADER.size:
            raise BrokenTable("shorter than its header")
        magic, checksum, *sizes = _HEADER.unpack_from(whole)
        if magic != _MAGIC:
            raise BrokenTable("of another layout or another machine")
        parts, at = [], _HEADER.size
        if _HEADER.size + _ITEM * sum(sizes[:-1]) + sizes[-1] != len(whole):
            raise BrokenTable("cut off")
        if zlib.crc32(whole[_HEADER.size :]) != checksum:
            raise BrokenTable("changed since it was made")
        for size in sizes[:-1]:
            parts.append(whole[at : at + _ITEM * size].cast("I"))
            at += _ITEM * size
        self._areas, self._area_texts, self._carriers, self._carrier_texts = parts[:4]
        self._countries, self._country_texts, self._ends = parts[4:]
        self._texts = whole[at:]

    def area(self, digits: str) -> str:
        """Town, state or whatever E.164 digits (without +) tell by their beginning; "" for nothing."""
        return self._find(self._areas, self._area_texts, stretch_of(digits)[0])

    def carrier(self, digits: str) -> str:
        """Who was given the range of these E.164 digits; "" for nobody known."""
        return self._find(self._carriers, self._carrier_texts, stretch_of(digits)[0])

    def country(self, code: str) -> str:
        """The name of an ISO 3166 country; "" for one without."""
        if len(code) != 2:
            return ""
        key = _country_key(code)
        at = bisect_right(self._countries, key)
        return self._text(self._country_texts[at - 1]) if at and self._countries[at - 1] == key else ""

    def areas(self) -> set[str]:
        """All names that there are."""
        return {self._text(number) for number in set(self._area_texts) if number}

    def carriers(self) -> set[str]:
        return {self._text(number) for number in set(self._carrier_texts) if number}

    def area_stretches(self, accepted: Callable[[str], bool]) -> list[tuple[int, int]]:
        """Where numbers begin, and end before, that have an accepted area; in order. Nothing is accepted as ""."""
        return self._stretches(self._areas, self._area_texts, accepted)

    def carrier_stretches(self, accepted: Callable[[str], bool]) -> list[tuple[int, int]]:
        """The same of carriers."""
        return self._stretches(self._carriers, self._carrier_texts, accepted)

    def _stretches(
        self, beginnings: memoryview, texts: memoryview, accepted: Callable[[str], bool]
    ) -> list[tuple[int, int]]:
        meant = {number for number in set(texts) if number and accepted(self._text(number))}
        ends = [*beginnings[1:], BASE**DIGITS]
        return [(beginnings[at], ends[at]) for at, number in enumerate(texts) if number in meant]

    def _find(self, beginnings: memoryview, texts: memoryview, key: int) -> str:
        at = bisect_right(beginnings, key)
        return self._text(texts[at - 1]) if at else ""

    def _text(self, number: int) -> str:
        first = self._ends[number - 1] if number else 0
        return str(self._texts[first : self._ends[number]], "utf-8")


def pack(areas: Mapping[str, str], carriers: Mapping[str, str], countries: Mapping[str, str]) -> bytes:
    """Names by prefix (the first digits of E.164 without +), and those of countries by their code."""
    numbers: dict[str, int] = {"": 0}

    def numbered(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    parts: list[array[int]] = []
    for names in (areas, carriers):
        stretches = list(_flattened((prefix, numbered(name)) for prefix, name in names.items()))
        parts += [array("I", column) for column in zip(*stretches, strict=True)] or [array("I"), array("I")]
    coded = sorted((_country_key(code), numbered(name)) for code, name in countries.items())
    parts += [array("I", column) for column in zip(*coded, strict=True)] or [array("I"), array("I")]
    texts = [name.encode() for name in numbers]
    ends, end = array("I"), 0
    for text in texts:
        end += len(text)
        ends.append(end)
    body = b"".join((*(part.tobytes() for part in (*parts, ends)), *texts))
    sizes = (*(len(part) for part in parts), len(ends), end)
    return _HEADER.pack(_MAGIC, zlib.crc32(body), *sizes) + body


def stretch_of(digits: str) -> tuple[int, int]:
    """The first number that begins with these digits, of which nine count, and the first after all of them."""
    first = int(digits[:DIGITS].translate(_SHIFTED).ljust(DIGITS, "0"), BASE)
    return first, first + BASE ** max(0, DIGITS - len(digits))


def _flattened(named: Iterable[tuple[str, int]]) -> Iterator[tuple[int, int]]:
    """Where each stretch begins, and the name that counts from there on: that of the longest prefix."""
    found: dict[int, int] = {0: 0}
    around: list[tuple[int, int]] = [(sys.maxsize, 0)]
    for first, negative_size, name in sorted(_sized(named)):
        while around[-1][0] <= first:
            end, _ = around.pop()
            found[end] = around[-1][1]
        around.append((first - negative_size, name))
        found[first] = name
    while len(around) > 1:
        end, _ = around.pop()
        found[end] = around[-1][1]
    before = -1
    for first, name in sorted(found.items()):
        if name != before:
            yield first, name
        before = name


def _sized(named: Iterable[tuple[str, int]]) -> Iterator[tuple[int, int, int]]:
    """The wider of two that begin together comes first."""
    for prefix, name in named:
        first, end = stretch_of(prefix)
        yield first, first - end, name


def _country_key(code: str) -> int:
    return int.from_bytes(code.encode("ascii"), "big")
