"""What people write as a condition's value, read by the kind of its field; refused with the mend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from app.core.audience.fields import RECENT_ATTEMPTS, UNSORTED, Kind, attribute_of, kind_of
from app.core.audience.model import BARE, IN_DAYS, OPERATORS, Condition, Filter, Operator
from common.errors import Refused

#: A text (several for ONE_OF), a number, a truth, a date or an aware moment.
Operand = str | tuple[str, ...] | float | bool | date | datetime | None
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LONGEST = 1000
_MOST_DAYS = 3650
#: Groups, conditions of a group, and sort keys: more cannot be read by anybody.
_MOST = 10


class BadCondition(Refused):
    """A condition that cannot be asked. `place` is its group and its number in it; (-1, n) is the sort key n."""

    def __init__(self, message: str, place: tuple[int, int]) -> None:
        super().__init__(message)
        self.place = place


def operand(condition: Condition, kind: Kind, now: datetime) -> Operand:
    """The value to compare with; for days, the bound that lies so many days before `now`. Raise Refused."""
    if condition.operator in BARE:
        return None
    text = condition.value.strip()
    if not text:
        raise Refused("say what to compare with")
    if len(text) > _LONGEST:
        raise Refused(f"longer than {_LONGEST} characters")
    if condition.operator in IN_DAYS:
        bound = now - timedelta(days=_days(text))
        return bound.date() if kind is Kind.DATE else bound
    if kind is Kind.TEXT:
        return texts(condition.field, text) if condition.operator is Operator.ONE_OF else text
    return _typed(text, kind)


def _typed(text: str, kind: Kind) -> Operand:
    if kind is Kind.NUMBER:
        if not _NUMBER.fullmatch(text):
            raise Refused(f"{text!r} is not a number; write it such as 1234.50")
        return float(text)
    if kind is Kind.BOOLEAN:
        if text.lower() not in _TRUTHS:
            raise Refused(f"{text!r} is neither yes nor no")
        return _TRUTHS[text.lower()]
    try:
        if kind is Kind.DATE:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is not a date; write year-month-day, such as 2026-03-31") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def texts(field: str, text: str) -> tuple[str, ...]:
    """Several values, with commas between them; semicolons where values have commas themselves."""
    sign, name = (";", "semicolons") if field in UNSORTED else (",", "commas")
    found = tuple(dict.fromkeys(item.strip() for item in text.split(sign) if item.strip()))
    if not found:
        raise Refused(f"say what to compare with, several with {name} between them")
    return found


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MOST_DAYS:
        raise Refused(f"{text!r} is not a number of days from 1 to {_MOST_DAYS}")
    return int(text)


def checked(made: Filter, types: Mapping[str, str], now: datetime) -> Filter:
    """The same filter; raise BadCondition where it asks for what is not there or cannot be compared so."""
    if len(made.groups) > _MOST or len(made.sort) > _MOST:
        raise BadCondition(f"more than {_MOST} groups or sort keys", (0, 0))
    for number, group in enumerate(made.groups):
        if len(group.conditions) > _MOST:
            raise BadCondition(f"more than {_MOST} conditions in a group", (number, _MOST))
        for index, condition in enumerate(group.conditions):
            try:
                _check(condition, types, now)
            except Refused as error:
                raise BadCondition(str(error), (number, index)) from error
    for index, key in enumerate(made.sort):
        try:
            if key.field in UNSORTED:
                raise Refused("cannot be sorted by, since it is kept with nobody; phone1 brings areas together")
            _known(key.field, key.days, types)
        except Refused as error:
            raise BadCondition(str(error), (-1, index)) from error
    return made


def _check(condition: Condition, types: Mapping[str, str], now: datetime) -> None:
    kind = _known(condition.field, condition.days, types)
    if condition.operator not in OPERATORS[kind]:
        raise Refused(f"a {kind} cannot be compared so; choose another comparison")
    operand(condition, kind, now)


def _known(field: str, days: int, types: Mapping[str, str]) -> Kind:
    kind = kind_of(field, types)
    if kind is None:
        name = attribute_of(field)
        raise Refused(f"there is no attribute {name!r} any more" if name else "choose what is compared")
    if field == RECENT_ATTEMPTS and not 0 < days <= _MOST_DAYS:
        raise Refused(f"say in how many days, from 1 to {_MOST_DAYS}")
    return kind
