"""`<say-as>`: values as the words that a person would say, in English; other languages get what needs no words.

`interpret-as` is free text in SSML 1.0; the values known here are those of its note of 2005 (date, time, telephone,
characters, cardinal, ordinal), VoiceXML's builtin types (vxml:date ...), and what older pages use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_UNITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES: Final = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_ORDINAL: Final[Mapping[str, str]] = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_KEYS: Final = {
    "*": "star",
    "#": "pound",
    "+": "plus",
    ".": "point",
    "-": "dash",
    "@": "at",
    "_": "underscore",
    "/": "slash",
}
_MONEY: Final = {
    "$": ("dollar", "cent"), "USD": ("dollar", "cent"), "€": ("euro", "cent"), "EUR": ("euro", "cent"),
    "£": ("pound", "pence"), "GBP": ("pound", "pence"), "CAD": ("dollar", "cent"), "AUD": ("dollar", "cent"),
    "": ("dollar", "cent"),
}  # fmt: skip
_MAX: Final = 10**12


def say_as(text: str, interpret_as: str, form: str = "", language: str = "en-US") -> str:
    """`text` as it is to be spoken; unchanged where nothing is known about it."""
    kind = interpret_as.lower().removeprefix("vxml:").partition(":")
    name = kind[0]
    if kind[2]:
        name, form = (kind[2], form) if name == "number" else (name, kind[2])
    text = " ".join(text.split())
    maker = _ANY_LANGUAGE.get(name)
    if maker is None and language.lower().startswith("en"):
        maker = _ENGLISH.get(name)
    return (maker(text, form) if maker else None) or text


def cardinal(value: int) -> str:
    if value < 0:
        return "minus " + cardinal(-value)
    if value < 20:
        return _UNITS[value]
    if value < 100:
        return _TENS[value // 10] + (f" {_UNITS[value % 10]}" if value % 10 else "")
    for size, name in _SCALES:
        if value >= size:
            rest = f" {cardinal(value % size)}" if value % size else ""
            return f"{cardinal(value // size)} {name}{rest}"
    return str(value)


def ordinal(value: int) -> str:
    *front, last = cardinal(value).split(" ")
    last = _ORDINAL.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join((*front, last))


def _number(text: str) -> int | None:
    bare = text.replace(",", "").replace(" ", "")
    return int(bare) if re.fullmatch(r"[+-]?\d{1,12}", bare) and abs(int(bare)) < _MAX else None


def _spaced(text: str, _: str) -> str:
    return " ".join(character for character in text if not character.isspace())


def _digits(text: str, _: str) -> str:
    return " ".join(character for character in text if character.isalnum() or character in "*#+")


def _characters(text: str, _: str) -> str:
    return " ".join(_KEYS.get(character, character) for character in text if not character.isspace())


def _cardinal(text: str, _: str) -> str | None:
    whole, point, fraction = text.partition(".")
    value = _number(whole)
    if value is None or (point and not fraction.isdecimal()):
        return None
    sign = "minus " if whole.startswith("-") and value == 0 else ""
    return sign + cardinal(value) + (" point " + " ".join(_UNITS[int(digit)] for digit in fraction) if point else "")


def _ordinal(text: str, _: str) -> str | None:
    value = _number(text)
    return None if value is None or value < 0 else ordinal(value)


def _telephone(text: str, _: str) -> str:
    """Digit by digit with a pause between the groups as they are written, or as numbers are usually grouped."""
    number, _, extension = re.sub(r"(?i)\s*(?:ext\.?|extension|x)\s*", "x", text).partition("x")
    groups = re.findall(r"[\d*#+]+", number)
    if len(groups) == 1:
        digits = groups[0].lstrip("+")
        lead = ["+"] if groups[0].startswith("+") else []
        cut = len(digits) - 10
        parts = [digits[: max(cut, 0)], digits[max(cut, 0) : -7], digits[-7:-4], digits[-4:]]
        groups = lead + [part for part in (parts if len(digits) >= 7 else [digits]) if part]
    said = ", ".join(" ".join(_KEYS.get(key, key) for key in group) for group in groups)
    return said + (f", extension {' '.join(extension.strip())}" if extension.strip() else "")


def _currency(text: str, _: str) -> str | None:
    match = re.fullmatch(r"([A-Z]{3}|[$€£])?\s*(-?[\d,]+)(?:\.(\d{1,2}))?\s*([A-Z]{3}|[$€£])?", text)
    if not match or (amount := _number(match[2])) is None:
        return None
    unit, part = _MONEY.get(match[1] or match[4] or "", (match[1] or match[4], "cent"))
    small = int((match[3] or "0").ljust(2, "0"))
    said = [f"{cardinal(amount)} {unit}{'' if abs(amount) == 1 else 's'}"] if amount or not small else []
    if small:
        said.append(f"{cardinal(small)} {part}{'' if small == 1 or part == 'pence' else 's'}")
    return " and ".join(said)


def _date(text: str, form: str) -> str | None:
    """yyyymmdd (VoiceXML; ? for what is not known), or parts in the order of `format`, such as mdy."""
    if match := re.fullmatch(r"(\d{4}|\?{4})-?(\d\d|\?\?)-?(\d\d|\?\?)", text):
        year, month, day = match.groups()
    else:
        parts = re.split(r"[-/. ,]+", text)
        order = (form or ("ymd" if len(parts[0]) == 4 else "mdy"))[: len(parts)]
        if len(parts) != len(order) or not all(part.isdecimal() and len(part) <= 4 for part in parts):
            return None
        found = dict(zip(order, parts, strict=True))
        year, month, day = found.get("y", "????"), found.get("m", "??"), found.get("d", "??")
    said = []
    if month.isdecimal():
        if not 1 <= int(month) <= 12:
            return None
        said.append(_MONTHS[int(month) - 1])
    if day.isdecimal():
        said.append(ordinal(int(day)))
    words = " ".join(said)
    return f"{words}{', ' if words else ''}{_year(int(year))}" if year.isdecimal() else words


def _year(year: int) -> str:
    if year < 100:
        year += 2000
    if 2000 <= year < 2010 or year % 1000 == 0 or not 1000 <= year < 10000:
        return cardinal(year)
    high, low = divmod(year, 100)
    return f"{cardinal(high)} {'hundred' if not low else cardinal(low) if low > 9 else f'oh {cardinal(low)}'}"


def _time(text: str, form: str) -> str | None:
    """hhmm with a, p, h or ? (VoiceXML), or h:mm with a.m. or p.m."""
    match = re.fullmatch(r"(\d{1,2})(?::?(\d\d))(?::?\d\d)?\s*([aphAPH?])?(?:\.?m\.?)?", text, re.IGNORECASE)
    if not match or int(match[1]) > 24 or int(match[2]) > 59:
        return None
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").lower()
    if form != "hms24" and (half == "h" or hour > 12 or hour == 0):
        half = "p" if 12 <= hour < 24 else "a"
        hour = hour % 12 or 12
    said = cardinal(hour)
    said += f" oh {cardinal(minute)}" if 0 < minute < 10 else f" {cardinal(minute)}" if minute else ""
    return said + {"a": " a m", "p": " p m"}.get(half, "" if minute else " o'clock")


def _boolean(text: str, _: str) -> str | None:
    return {"true": "yes", "false": "no"}.get(text.lower())


_Maker = Callable[[str, str], str | None]
_ANY_LANGUAGE: Final[Mapping[str, _Maker]] = {"digits": _digits, "spell-out": _spaced, "letters": _spaced}
_ENGLISH: Final[Mapping[str, _Maker]] = {
    "boolean": _boolean,
    "cardinal": _cardinal,
    "characters": _characters,
    "currency": _currency,
    "date": _date,
    "number": _cardinal,
    "ordinal": _ordinal,
    "phone": _telephone,
    "telephone": _telephone,
    "time": _time,
}
