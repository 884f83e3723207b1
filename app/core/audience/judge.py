"""A filter judged over one contact, in memory. `app.services.audience` asks databases the same; a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from app.core.audience.fields import RECENT_ATTEMPTS, Kind, kind_of
from app.core.audience.model import Condition, Filter, Group, Match, Operator
from app.core.audience.reading import Operand, operand
from app.core.audience.words import condition_words
from common.errors import Refused


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one contact. `values` maps fields to what is stored: texts, numbers (decimals as text),
    truths, ISO dates and moments or real ones; `attempts` are (begun, successful)."""

    values: Mapping[str, Any]
    attempts: tuple[tuple[datetime, bool], ...] = field(default=())


def matches(made: Filter, facts: Facts, types: Mapping[str, str], now: datetime) -> bool:
    return _together(made.match, [_group(group, facts, types, now) for group in made.groups])


def why_left_out(made: Filter, facts: Facts, types: Mapping[str, str], now: datetime) -> str:
    """The conditions that a contact fails, in words; "" for one that belongs to the audience."""
    if matches(made, facts, types, now):
        return ""
    failed = [
        condition_words(condition)
        for group in made.groups
        if not _group(group, facts, types, now)
        for condition in group.conditions
        if not holds(condition, facts, types, now)
    ]
    return "not so: " + "; ".join(failed)


def _group(group: Group, facts: Facts, types: Mapping[str, str], now: datetime) -> bool:
    return _together(group.match, [holds(condition, facts, types, now) for condition in group.conditions])


def _together(match: Match, found: list[bool]) -> bool:
    """Nothing asked is nothing that keeps anybody out."""
    return all(found) if match is Match.ALL or not found else any(found)


def holds(condition: Condition, facts: Facts, types: Mapping[str, str], now: datetime) -> bool:
    """A condition on what there is not (an attribute deleted since) holds for nobody."""
    kind = kind_of(condition.field, types)
    if kind is None:
        return False
    value = _value(condition, kind, facts, now)
    try:
        bound = operand(condition, kind, now)
    except Refused:
        return False
    match condition.operator:
        case Operator.EMPTY:
            return value is None
        case Operator.FILLED:
            return value is not None
        case Operator.DIFFERS:
            return bool(value != bound)
        case Operator.WITHIN:
            return value is not None and bool(bound <= value <= latest(kind, now))
        case _:
            return value is not None and accepts(condition.operator, value, bound)


def latest(kind: Kind, now: datetime) -> date:
    """The end of the last so many days."""
    return now.date() if kind is Kind.DATE else now


def accepts(operator: Operator, value: Any, bound: Operand) -> bool:
    """Whether a value that there is compares so."""
    match operator:
        case Operator.FILLED:
            return True
        case Operator.EQUALS:
            return bool(value == bound)
        case Operator.ONE_OF:
            return isinstance(bound, tuple) and value in bound
        case Operator.BEGINS:
            return bool(value.startswith(bound))
        case Operator.CONTAINS:
            return bound in value
        case Operator.LESS | Operator.OLDER:
            return bool(value < bound)
        case Operator.AT_MOST:
            return bool(value <= bound)
        case Operator.GREATER:
            return bool(value > bound)
        case _:  # AT_LEAST
            return bool(value >= bound)


def _value(condition: Condition, kind: Kind, facts: Facts, now: datetime) -> Any:
    match condition.field:
        case "attempts":
            return float(len(facts.attempts))
        case "successful_attempts":
            return float(sum(successful for _, successful in facts.attempts))
        case field_name if field_name == RECENT_ATTEMPTS:
            since = now - timedelta(days=condition.days)
            return float(sum(begun >= since for begun, _ in facts.attempts))
    return typed(facts.values.get(condition.field), kind)


def typed(stored: Any, kind: Kind) -> Any:
    """What is stored, as it compares; None where there is nothing."""
    if stored is None or stored == "":
        return None
    match kind:
        case Kind.NUMBER:
            return float(stored)
        case Kind.DATE:
            return stored if isinstance(stored, date) else date.fromisoformat(stored)
        case Kind.MOMENT:
            moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
            return moment.astimezone(UTC)
    return stored
