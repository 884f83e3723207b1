"""Conditions as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.audience.fields import (
    EXCLUDED,
    PHONE_AREA,
    PHONE_CARRIER,
    PHONE_COUNTRY,
    PHONE_TYPE,
    RECENT_ATTEMPTS,
    address_of,
    attribute_of,
)
from app.core.audience.model import BARE, IN_DAYS, Condition, Filter, Match, Operator, SortKey

FIELD_WORDS: Mapping[str, str] = {
    "id": "ID",
    "customer_id": "Customer ID",
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "time_zone": "Time zone",
    PHONE_TYPE: "Phone type",
    PHONE_COUNTRY: "Phone country",
    PHONE_AREA: "Phone area",
    PHONE_CARRIER: "Phone carrier",
    "added_on": "Added on",
    "last_modified_on": "Last modified on",
    "last_attempt_time": "Last attempt",
    "last_completion_code": "Last completion code",
    EXCLUDED: "Excluded from all campaigns",
    "attempts": "Attempts ever",
    "successful_attempts": "Successful attempts",
    RECENT_ATTEMPTS: "Attempts in the last days",
}
OPERATOR_WORDS: Mapping[Operator, str] = {
    Operator.EQUALS: "is",
    Operator.DIFFERS: "is not",
    Operator.LESS: "is less than",
    Operator.AT_MOST: "is at most",
    Operator.GREATER: "is more than",
    Operator.AT_LEAST: "is at least",
    Operator.BEGINS: "begins with",
    Operator.CONTAINS: "contains",
    Operator.ONE_OF: "is one of",
    Operator.WITHIN: "is within the last days:",
    Operator.OLDER: "is more days ago than",
    Operator.EMPTY: "is empty",
    Operator.FILLED: "is not empty",
}


def field_words(field: str, days: int = 0) -> str:
    if field == RECENT_ATTEMPTS and days:
        return f"Attempts in the last {days} days"
    return FIELD_WORDS.get(field) or attribute_of(field) or address_of(field) or field


def condition_words(condition: Condition) -> str:
    name = field_words(condition.field, condition.days)
    if condition.operator in BARE:
        return f"{name} {OPERATOR_WORDS[condition.operator]}"
    if condition.operator in IN_DAYS:
        words = "in the last {} days" if condition.operator is Operator.WITHIN else "more than {} days ago"
        return f"{name} {words.format(condition.value.strip())}"
    return f"{name} {OPERATOR_WORDS[condition.operator]} {condition.value.strip()}"


def filter_words(made: Filter) -> str:
    """The whole filter in one line."""
    between = {Match.ALL: " and ", Match.ANY: " or "}
    groups = [
        between[group.match].join(condition_words(condition) for condition in group.conditions)
        for group in made.groups
        if group.conditions
    ]
    if len(groups) > 1:
        groups = [f"({words})" for words in groups]
    where = between[made.match].join(groups) or "Everybody"
    order = ", ".join(_key_words(key) for key in made.sort)
    return f"{where}; sorted by {order}" if order else where


def _key_words(key: SortKey) -> str:
    return f"{field_words(key.field, key.days)} {'falling' if key.descending else 'rising'}"
