"""Which type a column of text seems to have. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from app.intake.rows import convert
from app.models import AttributeType
from common.errors import Refused

#: Values beyond the first few tell a type no better, and a phone number is dear to read.
_LOOKED_AT = 200
#: Digits that mean a number of something; postcodes and account numbers keep their zeros.
_PLAIN_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")


def infer(cells: Sequence[str]) -> str:
    """The narrowest type that takes every value; text where there is none, or where a value would change by it."""
    values = list(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))[:_LOOKED_AT]
    if not values:
        return AttributeType.STRING
    if all(_PLAIN_INTEGER.fullmatch(value) for value in values):
        return AttributeType.INTEGER if any(len(value) < 10 for value in values) else AttributeType.STRING
    for kind, fits in _NARROW:
        if all(fits(value) for value in values):
            return kind
    return AttributeType.STRING


def takes(kind: str, cells: Iterable[str]) -> bool:
    """Whether every value fits the type that `infer` found of others."""
    if kind == AttributeType.STRING:
        return True
    if kind == AttributeType.INTEGER:
        return all(_PLAIN_INTEGER.fullmatch(cell) for cell in cells)
    fits = dict(_NARROW)[AttributeType(kind)]
    return all(map(fits, cells))


def _takes(kind: AttributeType) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            convert(kind, value)
        except Refused:
            return False
        return True

    return fits


def _words(value: str) -> bool:
    return value.lower() in ("true", "false", "yes", "no", "y", "n")


def _decimal(value: str) -> bool:
    return re.fullmatch(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?", value) is not None


_NARROW = (
    (AttributeType.BOOLEAN, _words),
    (AttributeType.DECIMAL, _decimal),
    (AttributeType.DATE, _takes(AttributeType.DATE)),
    (AttributeType.DATETIME, _takes(AttributeType.DATETIME)),
    (AttributeType.EMAIL, _takes(AttributeType.EMAIL)),
)
