"""Stretches of numbers as prefixes: what a database can look numbers up in that knows nothing of stretches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.core.phone.region_table import BASE, DIGITS

_BACK = "\0" + "0123456789"


def prefixes_of(stretches: Iterable[tuple[int, int]]) -> dict[int, list[str]]:
    """By their length, the fewest prefixes that together hold exactly the numbers of the stretches, which are in order
    and apart. A prefix that ends with NUL is a whole number, shorter than nine digits, and none that goes on."""
    found: dict[int, list[str]] = {}
    for first, end in _joined(stretches):
        for prefix in _covering(first, end):
            found.setdefault(len(prefix), []).append(prefix)
    return found


def _joined(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those that touch are one."""
    begun: tuple[int, int] | None = None
    for first, end in stretches:
        if begun is not None and begun[1] == first:
            begun = (begun[0], end)
            continue
        if begun is not None:
            yield begun
        begun = (first, end)
    if begun is not None:
        yield begun


def _covering(first: int, end: int) -> Iterator[str]:
    at = first
    while at < end:
        size, level = 1, DIGITS
        while level > 1 and at % (size * BASE) == 0 and at + size * BASE <= end:
            size, level = size * BASE, level - 1
        prefix = _digits(at // size, level)
        # After the end of a number there is nothing but its end.
        if "\0" not in prefix[:-1]:
            yield prefix
        at += size


def _digits(key: int, count: int) -> str:
    signs = []
    for _ in range(count):
        key, sign = divmod(key, BASE)
        signs.append(_BACK[sign])
    return "".join(reversed(signs))
