"""A filter as SQL over `contact`, the same on SQLite and PostgreSQL as `app.core.audience` judges in memory.

Values of attributes are JSON; each is brought to what its type compares as. Texts compare by code points on both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, String, and_, case, cast, exists, func, or_, select, true
from sqlalchemy.orm import Session

from app.core import audience
from app.core.audience import Condition, Filter, Group, Kind, Match, Operator
from app.core.audience.fields import (
    EXCLUDED,
    PHONE_COUNTRY,
    PHONE_TYPE,
    RECENT_ATTEMPTS,
    UNSORTED,
    address_of,
    attribute_of,
)
from app.models import Address, AddressKind, Attempt, CompletionCode, Contact, ContactExclusion
from app.services.audience import told
from common.errors import Refused

_COLUMNS: Mapping[str, Any] = {
    "id": Contact.external_id,
    "added_on": Contact.created_at,
    "last_modified_on": Contact.updated_at,
    "last_attempt_time": Contact.last_attempt_at,
}
_OF_PHONE: Mapping[str, Any] = {PHONE_TYPE: Address.number_type, PHONE_COUNTRY: Address.country}
#: Decimals are kept as text; what is none (its attribute was of another type once) is no value.
_DECIMAL = r"^[+-]?[0-9]+(\.[0-9]+)?$"
Column = ColumnElement[Any]


def successful_codes(session: Session, organization_id: int) -> frozenset[str]:
    """Completion codes that count as success, an organization's own among them."""
    mine = or_(CompletionCode.organization_id == organization_id, CompletionCode.organization_id.is_(None))
    return frozenset(session.scalars(select(CompletionCode.name).where(mine, CompletionCode.success.is_(True))))


class Compiler:
    """For one database, one set of attributes and one moment."""

    def __init__(self, dialect: str, types: Mapping[str, str], now: datetime, successes: Collection[str] = ()) -> None:
        self._sqlite = dialect == "sqlite"
        self._types = types
        self._now = now
        self._successes = sorted(successes)

    def where(self, made: Filter) -> Column:
        return _together(made.match, [self._group(group) for group in made.groups])

    def order(self, made: Filter) -> list[Any]:
        """Contacts without a value last, then as they came in."""
        keys: list[Any] = []
        for key in made.sort:
            kind = audience.kind_of(key.field, self._types)
            if kind is not None and key.field not in UNSORTED:
                column = self._column(key.field, kind, key.days)
                # Once each: the value of an attribute is dear to read.
                keys.append((column.desc() if key.descending else column.asc()).nulls_last())
        return [*keys, Contact.id]

    def _group(self, group: Group) -> Column:
        return _together(group.match, [self._condition(condition) for condition in group.conditions])

    def _condition(self, condition: Condition) -> Column:
        kind = audience.kind_of(condition.field, self._types)
        if kind is None:
            return ~true()
        try:
            bound = audience.operand(condition, kind, self._now)
        except Refused:
            return ~true()
        if condition.field in told.TOLD:
            return told.holds(condition, bound, sqlite=self._sqlite)
        column: Column = self._column(condition.field, kind, condition.days)
        match condition.operator:
            case Operator.EMPTY:
                return column.is_(None)
            case Operator.FILLED:
                return column.is_not(None)
            case Operator.DIFFERS:
                return or_(column.is_(None), column != self._bound(condition.field, bound))
            case Operator.WITHIN:
                latest = self._bound(condition.field, audience.latest(kind, self._now))
                return column.between(self._bound(condition.field, bound), latest)
            case _:
                return self._compares(condition, column, bound)

    def _compares(self, condition: Condition, column: Column, bound: Any) -> Column:
        found: Column
        match condition.operator:
            case Operator.ONE_OF:
                found = column.in_(bound)
            case Operator.BEGINS:
                found = func.substr(column, 1, len(bound)) == bound
            case Operator.CONTAINS:
                found = (func.instr if self._sqlite else func.strpos)(column, bound) > 0
            case _:
                found = _ORDERED[condition.operator](column, self._bound(condition.field, bound))
        return found

    def _bound(self, field: str, bound: Any) -> Any:
        """The value to compare with, in the form in which attributes keep it."""
        if attribute_of(field) and isinstance(bound, datetime):
            return bound.isoformat().removesuffix("+00:00")
        return bound.isoformat() if type(bound) is date else bound

    def _column(self, field: str, kind: Kind, days: int) -> Column:
        """NULL where there is nothing."""
        name = attribute_of(field)
        if name is not None:
            return self._attribute(name, kind)
        if (address := address_of(field)) is not None:
            value = select(Address.value).where(Address.contact_id == Contact.id, Address.name == address)
            return self._text(func.nullif(value.scalar_subquery(), ""))
        if field in _OF_PHONE:
            phones = (Address.contact_id == Contact.id, Address.kind == AddressKind.PHONE)
            first = select(_OF_PHONE[field]).where(*phones).order_by(Address.position, Address.id).limit(1)
            return self._text(func.nullif(first.scalar_subquery(), ""))
        if kind is Kind.NUMBER:
            return self._attempts(field, days)
        if field == EXCLUDED:
            everywhere = (ContactExclusion.contact_id == Contact.id, ContactExclusion.campaign_id.is_(None))
            return exists().where(*everywhere)
        column = _COLUMNS[field] if field in _COLUMNS else getattr(Contact, field)
        return self._text(func.nullif(column, "")) if kind is Kind.TEXT else column

    def _attempts(self, field: str, days: int) -> Column:
        count = select(func.count()).where(Attempt.contact_id == Contact.id)
        if field == RECENT_ATTEMPTS:
            count = count.where(Attempt.started_at >= self._now - timedelta(days=days))
        if field == "successful_attempts":
            count = count.where(Attempt.completion_code.in_(self._successes))
        return count.scalar_subquery()

    def _attribute(self, name: str, kind: Kind) -> Column:
        if self._sqlite:
            stored: Column = func.json_extract(Contact.attributes, f'$."{name}"', type_=String)
        else:
            stored = func.jsonb_extract_path_text(Contact.attributes, name, type_=String)
        match kind:
            case Kind.NUMBER:
                return self._number(name, stored)
            case Kind.BOOLEAN:
                truth = stored == (1 if self._sqlite else "true")
                return case((stored.is_(None), None), else_=truth)
            case Kind.MOMENT:
                # Without the Z, a fraction of a second sorts after the whole one.
                return self._text(func.nullif(func.rtrim(stored, "Z"), ""))
            case _:
                return self._text(func.nullif(stored, ""))

    def _number(self, name: str, stored: Column) -> Column:
        number = cast(stored, Float)
        if not self._sqlite:
            return case((stored.bool_op("~")(_DECIMAL), number))
        # Nearly all are numbers in JSON too, and then nobody need look at their digits.
        plain = func.json_type(Contact.attributes, f'$."{name}"').in_(("integer", "real"))
        digits = stored.bool_op("GLOB")("*[0-9]*") & ~stored.bool_op("GLOB")("*[^-+.0-9]*")
        return case((plain, number), (digits, number))

    def _text(self, column: Column) -> Column:
        return column if self._sqlite else column.collate("C")


def _together(match: Match, found: list[Column]) -> Column:
    if not found:
        return true()
    return and_(*found) if match is Match.ALL else or_(*found)


_ORDERED: Mapping[Operator, Callable[[Column, Any], ColumnElement[bool]]] = {
    Operator.EQUALS: lambda column, bound: column == bound,
    Operator.LESS: lambda column, bound: column < bound,
    Operator.OLDER: lambda column, bound: column < bound,
    Operator.AT_MOST: lambda column, bound: column <= bound,
    Operator.GREATER: lambda column, bound: column > bound,
    Operator.AT_LEAST: lambda column, bound: column >= bound,
}
