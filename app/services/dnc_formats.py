"""Files of do-not-call entries, line by line: POM's and Clarion's CSV, bare numbers, the US registry, the UK's TPS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from app.core.compliance import NATIONAL
from app.intake import reading
from app.models import DncKind
from app.services.dnc import normalised
from common.errors import Refused

FORMATS = ("csv", "numbers", *NATIONAL)
_LONGEST = 1000
#: Area code and number, together or apart; change lists have further fields, one of which is A(dd) or D(elete).
_US = re.compile(r"([2-9]\d\d),?([2-9]\d{6})((?:,[^,]*)*)")
_GB = re.compile(r"(?:\+?44|0)?([1-9]\d{8,9})")
#: What files call the kinds of entries.
KINDS = {
    **{kind.value: kind for kind in DncKind if kind is not DncKind.ERASED},
    "user_contact_id": DncKind.CONTACT_ID,
    "user contact id": DncKind.CONTACT_ID,
    "customer id": DncKind.CUSTOMER_ID,
}
_MOST_DAYS = 999


@dataclass(frozen=True, slots=True)
class Entry:
    """`until` is the last day; `removed` says that the file itself takes it off."""

    line: int
    kind: str
    value: str
    until: date | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class BadLine:
    line: int
    reason: str


Line = Entry | BadLine


def read_lines(path: Path, form: str, home_country: str, today: date) -> Iterator[Line]:
    """Raise Refused, before anything is yielded, for a file that is nothing of the kind."""
    if form == "csv":
        return _csv(path, home_country, today)
    if form not in FORMATS:
        raise Refused(f"format: use {', '.join(FORMATS)}")
    take: Mapping[str, Callable[[int, str], Line]] = {
        "us": _us,
        "gb": _gb,
        "numbers": lambda number, text: _number(number, text, home_country),
    }
    return _plain(path, take[form])


def _plain(path: Path, take: Callable[[int, str], Line]) -> Iterator[Line]:
    try:
        with path.open("r", encoding="utf-8-sig", errors="replace", newline=None) as file:
            number = 0
            while text := file.readline(_LONGEST + 1):
                number += 1
                if len(text) > _LONGEST:
                    raise Refused(f"{path.name}, line {number}: longer than {_LONGEST} characters; no list of numbers")
                if text.strip():
                    yield take(number, text.strip())
    except OSError as error:
        raise Refused(f"{path.name}: cannot be read: {error.strerror}") from error


def _us(line: int, text: str) -> Line:
    match = _US.fullmatch(text)
    if match is None:
        return BadLine(line, "is not an area code and a number; the registry writes 202,5550123")
    flags = {field.strip().upper() for field in match[3].split(",")}
    return Entry(line, DncKind.PHONE, f"+1{match[1]}{match[2]}", removed="D" in flags)


def _gb(line: int, text: str) -> Line:
    match = _GB.fullmatch(text.strip('"').replace(" ", ""))
    if match is None:
        return BadLine(line, "is not a number of the United Kingdom; write such as 02079460123")
    return Entry(line, DncKind.PHONE, f"+44{match[1]}")


def _number(line: int, text: str, home_country: str) -> Line:
    try:
        return Entry(line, DncKind.PHONE, normalised(DncKind.PHONE, text.strip('"'), home_country))
    except Refused as error:
        return BadLine(line, str(error))


def _csv(path: Path, home_country: str, today: date) -> Iterator[Line]:
    form = reading.detect(path)
    names = [name.strip().lower() for name in form.columns]
    value, kind = (column(names, *wanted) for wanted in (("value", "id"), ("kind", "id_type")))
    days = column(names, "exc_dnc_until_x_days", "days")
    until = column(names, "until_day")
    if value is None:
        raise Refused(f"{path.name}, line 1: no column is value or ID; the columns are {', '.join(form.columns)}")

    def entry(record: reading.Record) -> Entry:
        cells = record.cells
        named = cells[kind].strip().lower() if kind is not None else "phone"
        if named not in KINDS:
            raise Refused(f"{named!r} is no kind of entry; use phone, email, contact_id or customer_id")
        last = _last_day(cells[days].strip() if days is not None else "", today)
        if until is not None and cells[until].strip():
            last = _day(cells[until].strip())
        return Entry(record.line, KINDS[named], normalised(KINDS[named], cells[value], home_country), last)

    with reading.open_text(path) as file:
        for item in reading.records(file, form):
            if isinstance(item, reading.Bad):
                yield BadLine(item.line, item.reason)
                continue
            try:
                yield entry(item)
            except Refused as error:
                yield BadLine(item.line, str(error))


def column(names: list[str], *wanted: str) -> int | None:
    """The place of the first of the wanted names that is there."""
    return next((names.index(name) for name in wanted if name in names), None)


def _last_day(text: str, today: date) -> date | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise Refused(f"{text!r} is no number of days from 1 to {_MOST_DAYS}; leave it empty for ever")
    return today + timedelta(days=int(text))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is not a date; write year-month-day") from None
