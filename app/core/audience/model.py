"""A filter: groups of conditions, and keys to sort by. Two levels say all that people ask for, and can be drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.core.audience.fields import Kind


class Match(StrEnum):
    ALL = "all"
    ANY = "any"


class Operator(StrEnum):
    EQUALS = "equals"
    #: Holds for a contact without a value too.
    DIFFERS = "differs"
    LESS = "less"
    AT_MOST = "at-most"
    GREATER = "greater"
    AT_LEAST = "at-least"
    BEGINS = "begins"
    CONTAINS = "contains"
    ONE_OF = "one-of"
    #: In the last so many days.
    WITHIN = "within"
    #: More than so many days ago.
    OLDER = "older"
    EMPTY = "empty"
    FILLED = "filled"


#: Operators that compare with nothing.
BARE = frozenset({Operator.EMPTY, Operator.FILLED})
#: Operators whose value is a number of days.
IN_DAYS = frozenset({Operator.WITHIN, Operator.OLDER})
_ORDERED = (Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST)
_PRESENCE = (Operator.EMPTY, Operator.FILLED)
OPERATORS: Mapping[Kind, tuple[Operator, ...]] = {
    Kind.TEXT: (
        Operator.EQUALS,
        Operator.DIFFERS,
        Operator.BEGINS,
        Operator.CONTAINS,
        Operator.ONE_OF,
        *_PRESENCE,
    ),
    Kind.NUMBER: (Operator.EQUALS, Operator.DIFFERS, *_ORDERED, *_PRESENCE),
    Kind.BOOLEAN: (Operator.EQUALS, *_PRESENCE),
    Kind.DATE: (Operator.EQUALS, Operator.DIFFERS, *_ORDERED, Operator.WITHIN, Operator.OLDER, *_PRESENCE),
    Kind.MOMENT: (*_ORDERED, Operator.WITHIN, Operator.OLDER, *_PRESENCE),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`value` as a person writes it; `days` is the span of fields that count over one."""

    field: str
    operator: Operator
    value: str = ""
    days: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    conditions: tuple[Condition, ...]
    match: Match = Match.ALL


@dataclass(frozen=True, slots=True)
class SortKey:
    """Contacts without a value come last, whichever the direction."""

    field: str
    descending: bool = False
    days: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Without conditions everybody is meant; equals in `sort` keep the order in which they came into the list."""

    groups: tuple[Group, ...] = ()
    match: Match = Match.ALL
    sort: tuple[SortKey, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(condition for group in self.groups for condition in group.conditions)


def filter_to_json(made: Filter) -> dict[str, Any]:
    return {
        "match": str(made.match),
        "groups": [
            {
                "match": str(group.match),
                "conditions": [
                    {
                        "field": condition.field,
                        "operator": str(condition.operator),
                        "value": condition.value,
                        "days": condition.days,
                    }
                    for condition in group.conditions
                ],
            }
            for group in made.groups
        ],
        "sort": [{"field": key.field, "descending": key.descending, "days": key.days} for key in made.sort],
    }


def filter_from_json(body: Mapping[str, Any]) -> Filter:
    """As `filter_to_json` wrote it; {} is everybody."""
    return Filter(
        groups=tuple(
            Group(
                tuple(
                    Condition(one["field"], Operator(one["operator"]), one["value"], one["days"])
                    for one in group["conditions"]
                ),
                Match(group["match"]),
            )
            for group in body.get("groups", ())
        ),
        match=Match(body.get("match", Match.ALL)),
        sort=tuple(SortKey(key["field"], key["descending"], key["days"]) for key in body.get("sort", ())),
    )
