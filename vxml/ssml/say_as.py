"""`<say-as>`: values as the words that a person would say, here in English.

`interpret-as` is free text in SSML 1.0; the values known here are those of its note of 2005 (date, time, telephone,
characters, cardinal, ordinal), VoiceXML's builtin types (vxml:date ...), and what older pages use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from vxml.ssml import languages
from vxml.ssml.values import read_date, read_money, read_number, read_time, telephone_groups

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
_MARKS: Final = {"@": "at", ".": "dot", "/": "slash", ":": "colon", "-": "dash", "_": "underscore"}
_MONEY: Final = {
    "$": ("dollar", "cent"), "USD": ("dollar", "cent"), "€": ("euro", "cent"), "EUR": ("euro", "cent"),
    "£": ("pound", "pence"), "GBP": ("pound", "pence"), "CAD": ("dollar", "cent"), "AUD": ("dollar", "cent"),
    "": ("dollar", "cent"),
}  # fmt: skip


def say_as(text: str, interpret_as: str, form: str = "", language: str = "en-US") -> str:
    """`text` as it is to be spoken; unchanged where nothing is known about it."""
    kind = interpret_as.lower().removeprefix("vxml:").partition(":")
    name = kind[0]
    if kind[2]:
        name, form = (kind[2], form) if name == "number" else (name, kind[2])
    text = " ".join(text.split())
    if (maker := _ANY_LANGUAGE.get(name)) is not None:
        return maker(text, form) or text
    if language.lower().startswith("en"):
        maker = _ENGLISH.get(name)
        return (maker(text, form) if maker else None) or text
    words, elsewhere = languages.words_of(language), languages.MAKERS.get(name)
    return (elsewhere(text, form, words) if words and elsewhere else None) or text


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


def _spaced(text: str, _: str) -> str:
    return " ".join(character for character in text if not character.isspace())


def _digits(text: str, _: str) -> str:
    return " ".join(character for character in text if character.isalnum() or character in "*#+")


def _characters(text: str, _: str) -> str:
    return " ".join(_KEYS.get(character, character) for character in text if not character.isspace())


def _cardinal(text: str, _: str) -> str | None:
    whole, point, fraction = text.partition(".")
    value = read_number(whole)
    if value is None or (point and not fraction.isdecimal()):
        return None
    sign = "minus " if whole.startswith("-") and value == 0 else ""
    return sign + cardinal(value) + (" point " + " ".join(_UNITS[int(digit)] for digit in fraction) if point else "")


def _ordinal(text: str, _: str) -> str | None:
    value = read_number(text)
    return None if value is None or value < 0 else ordinal(value)


def _telephone(text: str, _: str) -> str:
    """Digit by digit with a pause between the groups."""
    groups, extension = telephone_groups(text)
    said = ", ".join(" ".join(_KEYS.get(key, key) for key in group) for group in groups)
    return said + (f", extension {' '.join(extension)}" if extension else "")


def _currency(text: str, _: str) -> str | None:
    money = read_money(text)
    if money is None:
        return None
    amount, small, sign = money
    unit, part = _MONEY.get(sign, (sign, "cent"))
    said = [f"{cardinal(amount)} {unit}{'' if abs(amount) == 1 else 's'}"] if amount or not small else []
    if small:
        said.append(f"{cardinal(small)} {part}{'' if small == 1 or part == 'pence' else 's'}")
    return " and ".join(said)


def _date(text: str, form: str) -> str | None:
    date = read_date(text, form)
    if date is None:
        return None
    said = [_MONTHS[date.month - 1]] if date.month is not None else []
    if date.day is not None:
        said.append(ordinal(date.day))
    words = " ".join(said)
    return f"{words}{', ' if words else ''}{_year(date.year)}" if date.year is not None else words


def _year(year: int) -> str:
    if 2000 <= year < 2010 or year % 1000 == 0 or not 1000 <= year < 10000:
        return cardinal(year)
    high, low = divmod(year, 100)
    return f"{cardinal(high)} {'hundred' if not low else cardinal(low) if low > 9 else f'oh {cardinal(low)}'}"


def _time(text: str, form: str) -> str | None:
    time = read_time(text, form)
    if time is None:
        return None
    hour, minute, second, half = time
    if not form.endswith("24") and (half == "h" or hour > 12 or hour == 0):
        half = "p" if 12 <= hour < 24 else "a"
        hour = hour % 12 or 12
    said = cardinal(hour)
    said += f" oh {cardinal(minute)}" if 0 < minute < 10 else f" {cardinal(minute)}" if minute else ""
    said += {"a": " a m", "p": " p m"}.get(half, "" if minute else " o'clock")
    return said + (f" and {cardinal(second)} second{'' if second == 1 else 's'}" if second else "")


def _net(text: str, _: str) -> str:
    """An address of mail or web: its words, and its marks as words."""
    return " ".join(_MARKS.get(part, part) for part in re.split(r"([^\w])", text.removeprefix("mailto:")) if part)


def _boolean(text: str, _: str) -> str | None:
    return {"true": "yes", "false": "no"}.get(text.lower())


_Maker = Callable[[str, str], str | None]
_ANY_LANGUAGE: Final[Mapping[str, _Maker]] = {
    "digits": _digits, "spell-out": _spaced, "letters": _spaced,
    "acronym": _spaced,
}  # fmt: skip
_ENGLISH: Final[Mapping[str, _Maker]] = {
    "boolean": _boolean,
    "cardinal": _cardinal,
    "characters": _characters,
    "currency": _currency,
    "date": _date,
    "net": _net,
    "number": _cardinal,
    "ordinal": _ordinal,
    "phone": _telephone,
    "telephone": _telephone,
    "time": _time,
}
