"""The values of `<say-as>` as they are written: dates, times, amounts, numbers, whatever the language."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX = 10**12


class Date(NamedTuple):
    """None for what is not known."""

    year: int | None
    month: int | None
    day: int | None


class Time(NamedTuple):
    """`half` is "a", "p", "h" (24-hour clock) or "" where it is not told."""

    hour: int
    minute: int
    second: int
    half: str


class Money(NamedTuple):
    """`sign` is how the currency is written: USD, $, "" for none."""

    whole: int
    part: int
    sign: str


def read_number(text: str) -> int | None:
    bare = text.replace(",", "").replace(" ", "")
    return int(bare) if re.fullmatch(r"[+-]?[0-9]{1,12}", bare) and abs(int(bare)) < MAX else None


def read_date(text: str, form: str) -> Date | None:
    """yyyymmdd (VoiceXML; ? for what is not known), or parts in the order of `form`, such as mdy."""
    if match := re.fullmatch(r"([0-9]{4}|\?{4})-?([0-9]{2}|\?\?)-?([0-9]{2}|\?\?)", text):
        year, month, day = match.groups()
    else:
        parts = re.split(r"[-/. ,]+", text)
        order = (form or ("ymd" if len(parts[0]) == 4 else "mdy"))[: len(parts)]
        if len(parts) != len(order) or not all(re.fullmatch("[0-9]{1,4}", part) for part in parts):
            return None
        found = dict(zip(order, parts, strict=True))
        year, month, day = found.get("y", "?"), found.get("m", "?"), found.get("d", "?")
    date = Date(*(int(part) if "?" not in part else None for part in (year, month, day)))
    if (date.month is not None and not 1 <= date.month <= 12) or (date.day is not None and not 1 <= date.day <= 31):
        return None
    if date.year is not None and date.year < 100:
        date = date._replace(year=date.year + 2000)
    return date if any(part is not None for part in date) else None


def read_time(text: str, form: str) -> Time | None:
    """hhmm with a, p, h or ? (VoiceXML), or h:mm and h:mm:ss with a.m. or p.m.; `form` may be hms12 or hms24."""
    pattern = r"([0-9]{1,2})(?::?([0-9]{2}))(?::?([0-9]{2}))?\s*([aph?])?(?:\.?m\.?)?"
    match = re.fullmatch(pattern, text, re.IGNORECASE)
    if not match:
        return None
    half = (match[4] or "").lower().replace("?", "")
    if form.endswith("24"):
        half = "h"
    time = Time(int(match[1]), int(match[2]), int(match[3] or 0), half)
    return time if time.hour <= 24 and time.minute <= 59 and time.second <= 59 else None


def read_money(text: str) -> Money | None:
    match = re.fullmatch(r"([A-Z]{3}|[$€£])?\s*(-?[0-9,]+)(?:\.([0-9]{1,2}))?\s*([A-Z]{3}|[$€£])?", text)
    whole = read_number(match[2]) if match else None
    if match is None or whole is None:
        return None
    return Money(whole, int((match[3] or "0").ljust(2, "0")), match[1] or match[4] or "")


def telephone_groups(text: str) -> tuple[list[str], str]:
    """Groups of digits as they are written, or as numbers are usually grouped, and the extension."""
    number, _, extension = re.sub(r"(?i)\s*(?:ext\.?|extension|x)\s*", "x", text).partition("x")
    groups = re.findall(r"[0-9*#+]+", number)
    if len(groups) == 1:
        digits = groups[0].lstrip("+")
        lead = ["+"] if groups[0].startswith("+") else []
        cut = len(digits) - 10
        parts = [digits[: max(cut, 0)], digits[max(cut, 0) : -7], digits[-7:-4], digits[-4:]]
        groups = lead + [part for part in (parts if len(digits) >= 7 else [digits]) if part]
    return groups, extension.strip()
