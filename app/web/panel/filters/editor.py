"""The editor's form: conditions in groups and keys to sort by, each a row that can be added and taken away.

Names of inputs: `match`, `g0-match`, `g0-c1-field`, `g0-c1-operator`, `g0-c1-value`, `g0-c1-days`, `s0-field`,
`s0-days`, `s0-direction`. A button's `edit` says what is to be done with the rows: `add-condition g0`, `add-group`,
`add-sort`, `remove g0-c1`, `remove s0`, or nothing at all where a field was changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from flask import request

from app.core.audience import (
    BUILT_IN,
    FIELD_WORDS,
    OPERATOR_WORDS,
    OPERATORS,
    BadCondition,
    Condition,
    Filter,
    Group,
    Match,
    Operator,
    SortKey,
    address_field,
    attribute_field,
    kind_of,
)
from app.core.audience import fields as known
from app.core.audience.fields import RECENT_ATTEMPTS, UNSORTED
from app.core.audience.model import BARE

Row = TypeVar("Row")
Conditions = tuple[Condition, ...]
_NEW = Condition("", Operator.EQUALS)
_PLACE = re.compile(r"(?:g(\d+)-c(\d+)|s(\d+))")
_ADDRESSES = ("phone1", "phone2", "email")


@dataclass(frozen=True, slots=True)
class Fields:
    """What conditions can be on, grouped as a person looks for it; `types` are the organization's attributes."""

    types: Mapping[str, str]

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        contact = [(name, FIELD_WORDS[name]) for name in BUILT_IN]
        addresses = [(address_field(name), name) for name in _ADDRESSES]
        attributes = [(attribute_field(name), name) for name in self.types]
        return [("Contact", contact), ("Addresses", addresses), ("Attributes", attributes)]

    @property
    def sorted_groups(self) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
        """Of these a key to sort by can be chosen."""
        return [(title, [entry for entry in entries if entry[0] not in UNSORTED]) for title, entries in self.groups]

    def operators(self, field: str) -> Sequence[Operator]:
        kind = kind_of(field, self.types)
        return OPERATORS[kind] if kind else (Operator.EQUALS,)

    @staticmethod
    def counts_over_days(field: str) -> bool:
        return field == RECENT_ATTEMPTS


def example(condition: Condition) -> str:
    """What a value looks like that is not plain."""
    several = condition.operator is Operator.ONE_OF
    match condition.field:
        case known.PHONE_AREA:
            return "Chicago, IL; Boston, MA" if several else "Chicago, IL"
        case known.PHONE_CARRIER:
            return "Vodafone; Orange" if several else "Vodafone"
        case _:
            return "one, two" if several else ""


def place_words(place: tuple[int, int]) -> str:
    """Where the condition stands that cannot be asked."""
    group, number = place
    return f"Sort key {number + 1}" if group < 0 else f"Condition {group + 1}.{number + 1}"


def rows(made: Filter, fields: Fields, problem: BadCondition | None, here: str) -> dict[str, Any]:
    """What `filters/_rows.html` shows; `here` answers its buttons."""
    return {
        "made": made,
        "fields": fields,
        "problem": problem,
        "here": here,
        "words": OPERATOR_WORDS,
        "bare": BARE,
        "example": example,
        "kind": lambda name: kind_of(name, fields.types),
        "wish": request.form.get("edit", ""),
    }


def read(form: Mapping[str, str], fields: Fields) -> Filter:
    """The filter as it was filled in, right or wrong; a comparison that its field has not becomes the first it has."""
    groups: list[Group] = []
    while f"g{len(groups)}-match" in form:
        name = f"g{len(groups)}"
        conditions: list[Condition] = []
        while f"{name}-c{len(conditions)}-field" in form:
            conditions.append(_condition(form, f"{name}-c{len(conditions)}", fields))
        groups.append(Group(tuple(conditions), _match(form.get(f"{name}-match", ""))))
    keys: list[SortKey] = []
    while f"s{len(keys)}-field" in form:
        name = f"s{len(keys)}"
        falling = form.get(f"{name}-direction") == "falling"
        keys.append(SortKey(form[f"{name}-field"], falling, _days(form.get(f"{name}-days", ""))))
    return Filter(tuple(groups), _match(form.get("match", "")), tuple(keys))


def changed(made: Filter, wish: str) -> Filter:
    """With the row that the button adds or takes away."""
    verb, _, place = wish.partition(" ")
    if verb == "add-group":
        return replace(made, groups=(*made.groups, Group((_NEW,))))
    if verb == "add-sort":
        return replace(made, sort=(*made.sort, SortKey("")))
    if verb == "add-condition" and place[1:].isdigit() and int(place[1:]) < len(made.groups):
        return _regrouped(made, int(place[1:]), lambda rows: (*rows, _NEW))
    if verb == "remove" and (match := _PLACE.fullmatch(place)):
        if match[3]:
            return replace(made, sort=_without(made.sort, int(match[3])))
        if int(match[1]) < len(made.groups):
            return _regrouped(made, int(match[1]), lambda rows: _without(rows, int(match[2])))
    return made


def _regrouped(made: Filter, number: int, change: Callable[[Conditions], Conditions]) -> Filter:
    groups = list(made.groups)
    groups[number] = replace(groups[number], conditions=change(groups[number].conditions))
    # A group of nothing says nothing.
    return replace(made, groups=tuple(group for group in groups if group.conditions))


def _without(rows: tuple[Row, ...], index: int) -> tuple[Row, ...]:
    return rows[:index] + rows[index + 1 :]


def _condition(form: Mapping[str, str], name: str, fields: Fields) -> Condition:
    field = form.get(f"{name}-field", "")
    offered = fields.operators(field)
    asked = form.get(f"{name}-operator", "")
    operator = Operator(asked) if asked in offered else offered[0]
    return Condition(field, operator, form.get(f"{name}-value", ""), _days(form.get(f"{name}-days", "")))


def _match(text: str) -> Match:
    return Match.ANY if text == Match.ANY else Match.ALL


def _days(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
