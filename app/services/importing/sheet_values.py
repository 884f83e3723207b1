"""What a number in a sheet means to a person: the number, a date, or digits with leading zeros. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache


class Meaning(StrEnum):
    NUMBER = "number"
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Style:
    meaning: Meaning = Meaning.NUMBER
    #: Digits that the format fills up with zeros, as postcodes are shown; 0 for none.
    width: int = 0


#: Digits that Excel keeps and shows of a number.
_DIGITS = 15
#: ECMA-376 part 1, 18.8.30: formats without a code of their own, East Asian ones included.
_DATES = frozenset(map(str, (*range(14, 18), 22, *range(27, 32), 36, *range(50, 55), 57, 58)))
_TIMES = frozenset(map(str, (*range(18, 22), *range(32, 36), *range(45, 48), 55, 56)))
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_WHOLE = re.compile(r"-?[0-9]{1,40}")
_HIGHEST_SERIAL = 2_958_466  # 31 December 9999 and a day
_SYSTEMS_APART = 1462


@lru_cache(1024)
def style_of(number: str, code: str) -> Style:
    """From a format's number and its code ("" for a built-in one)."""
    if not code:
        return Style(Meaning.DATE if number in _DATES else Meaning.TIME if number in _TIMES else Meaning.NUMBER)
    if re.fullmatch(r"0{2,40}", code):
        return Style(width=len(code))
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    if "general" in bare or "#" in bare:
        return Style()
    if re.search(r"[yd]", bare):
        return Style(Meaning.DATE)
    return Style(Meaning.TIME) if re.search(r"[hs]", bare) else Style(Meaning.DATE) if "m" in bare else Style()


def number_text(value: str, style: Style, from_1904: bool) -> str | None:
    """None when the value is no number."""
    value = value.strip()
    if style.meaning is Meaning.NUMBER and _WHOLE.fullmatch(value):
        return value.zfill(style.width) if style.width else value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > 30 or number.adjusted() < -30:
        return "0" if number.is_finite() and number.adjusted() < -30 else None
    if style.meaning is not Meaning.NUMBER:
        moment = _moment(number, style, from_1904)
        if moment is not None:
            return moment
    text = f"{number:.{_DIGITS}g}" if number != number.to_integral_value() else f"{number:f}"
    plain = f"{Decimal(text):f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain).zfill(style.width)


def _moment(number: Decimal, style: Style, from_1904: bool) -> str | None:
    if not 0 <= number < _HIGHEST_SERIAL - (_SYSTEMS_APART if from_1904 else 0):
        return None
    days, share = int(number), number % 1
    seconds = int((share * 86_400).to_integral_value())
    if style.meaning is Meaning.TIME and days == 0:
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    # Day 60 of the 1900 system is 29 February 1900, which never was; days before count from a day later.
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if number >= 60 else 31)  # noqa: DTZ001 - a sheet has no zone
    moment = start + timedelta(days=days, seconds=seconds)
    return moment.isoformat() if seconds else moment.date().isoformat()
