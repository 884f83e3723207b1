"""Who of a contact list belongs to an audience, and in which order: filters as values, judged without a database."""

from __future__ import annotations

from app.core.audience.fields import BUILT_IN, Kind, address_field, attribute_field, kind_of
from app.core.audience.judge import Facts, accepts, holds, latest, matches, why_left_out
from app.core.audience.model import (
    OPERATORS,
    Condition,
    Filter,
    Group,
    Match,
    Operator,
    SortKey,
    filter_from_json,
    filter_to_json,
)
from app.core.audience.reading import BadCondition, checked, operand
from app.core.audience.words import FIELD_WORDS, OPERATOR_WORDS, condition_words, field_words, filter_words

__all__ = [
    "BUILT_IN",
    "FIELD_WORDS",
    "OPERATORS",
    "OPERATOR_WORDS",
    "BadCondition",
    "Condition",
    "Facts",
    "Filter",
    "Group",
    "Kind",
    "Match",
    "Operator",
    "SortKey",
    "accepts",
    "address_field",
    "attribute_field",
    "checked",
    "condition_words",
    "field_words",
    "filter_from_json",
    "filter_to_json",
    "filter_words",
    "holds",
    "kind_of",
    "latest",
    "matches",
    "operand",
    "why_left_out",
]
