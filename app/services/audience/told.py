"""What the digits of a contact's first phone tell, its area and its carrier, asked of a database.

Neither is kept with an address. Which numbers have an area of an accepted name is known beforehand, as prefixes: a
state of the US is a few hundred to some thousands of them, of five or six lengths. So a contact costs a look into
a hashed list for each length, and what is asked is what a page shows at the same moment, for numbers of any age.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, String, and_, any_, case, exists, false, func, literal, or_, select
from sqlalchemy.orm import aliased

from app.core.audience import BadCondition, Condition, Filter, Operator, accepts
from app.core.audience.fields import PHONE_AREA, PHONE_CARRIER
from app.core.audience.reading import texts
from app.core.phone import NumberType
from app.core.phone.origin import OF_A_NETWORK, OF_A_PLACE, placed_mobiles
from app.core.phone.prefixes import prefixes_of
from app.models import Address, AddressKind, Contact
from app.services import regions

Column = ColumnElement[Any]
TOLD = frozenset({PHONE_AREA, PHONE_CARRIER})
_SUGGESTED = 3
_EXAMPLES: Mapping[str, str] = {PHONE_AREA: "Chicago, IL", PHONE_CARRIER: "Vodafone"}


def holds(condition: Condition, bound: Any, *, sqlite: bool) -> Column:
    """Whether the first phone's area or carrier compares so."""
    match condition.operator:
        case Operator.EMPTY:
            return ~_first_phone(condition.field, Operator.FILLED, "", sqlite)
        case Operator.DIFFERS:
            return ~_first_phone(condition.field, Operator.EQUALS, bound, sqlite)
        case _:
            return _first_phone(condition.field, condition.operator, bound, sqlite)


def refuse_unknown(made: Filter) -> None:
    """Raise BadCondition where a name is asked for that no number has: nobody would ever be meant."""
    for number, group in enumerate(made.groups):
        for place, condition in enumerate(group.conditions):
            if condition.field in TOLD and condition.operator in (Operator.EQUALS, Operator.DIFFERS, Operator.ONE_OF):
                _check(condition, (number, place))


def _check(condition: Condition, place: tuple[int, int]) -> None:
    known = _names(condition.field)
    value = condition.value.strip()
    for name in texts(condition.field, value) if condition.operator is Operator.ONE_OF else (value,):
        if known and name and name not in known:
            alike = sorted((each for each in known if name.lower() in each.lower()), key=lambda each: (len(each), each))
            hint = " or ".join(repr(each) for each in alike[:_SUGGESTED]) or f"such as {_EXAMPLES[condition.field]!r}"
            raise BadCondition(f"no number has {name[:80]!r}; write it as contacts' pages show it, {hint}", place)


@lru_cache(maxsize=len(TOLD))
def _names(field: str) -> frozenset[str]:
    table = regions.table()
    return frozenset(table.areas() if field == PHONE_AREA else table.carriers())


def _first_phone(field: str, operator: Operator, bound: Any, sqlite: bool) -> Column:
    phone = aliased(Address)
    mine = (Address.contact_id == Contact.id, Address.kind == AddressKind.PHONE)
    first = select(Address.id).where(*mine).order_by(Address.position, Address.id).limit(1).correlate(Contact)
    found = _prefixes(field, operator, bound)
    if field == PHONE_CARRIER:
        told = and_(phone.number_type.in_(OF_A_NETWORK), _begins(phone.value, found, sqlite))
    else:
        told = and_(_placed(phone), _begins(_geographic(phone.value), found, sqlite))
    return exists().where(phone.id == first.scalar_subquery(), told)


def _prefixes(field: str, operator: Operator, bound: Any) -> Mapping[int, Sequence[str]]:
    table = regions.table()
    stretches = table.area_stretches if field == PHONE_AREA else table.carrier_stretches
    return prefixes_of(stretches(lambda name: accepts(operator, name, bound)))


def _placed(phone: type[Address]) -> Column:
    mobile = or_(false(), *(_starts(phone.value, f"+{code}") for code in placed_mobiles()))
    return or_(phone.number_type.in_(OF_A_PLACE), and_(phone.number_type == NumberType.MOBILE, mobile))


def _geographic(value: Any) -> Column:
    """Without the digit that some countries put before the area code of mobile numbers."""
    cut: list[tuple[Column, Column]] = [
        (_starts(value, f"+{code}{token}"), literal(f"+{code}").concat(_from(value, 1 + len(f"+{code}{token}"))))
        for code, token in placed_mobiles().items()
        if token
    ]
    return case(*cut, else_=value) if cut else value


def _starts(value: Any, beginning: str) -> Column:
    return _from(value, 1, len(beginning)) == beginning


def _from(value: Any, place: int, *size: int) -> Column:
    return func.substr(value, place, *size, type_=String)


def _begins(value: Any, prefixes: Mapping[int, Sequence[str]], sqlite: bool) -> Column:
    """`prefixes` by their length; one that ends with NUL is a whole number."""
    whole = [each[:-1] for found in prefixes.values() for each in found if each.endswith("\0")]
    beginnings = {size: [each for each in found if each[-1] != "\0"] for size, found in prefixes.items()}
    looks = [_among(_from(value, 2, size), found, sqlite) for size, found in sorted(beginnings.items()) if found]
    if whole:
        looks.append(_among(_from(value, 2), whole, sqlite))
    return or_(false(), *looks)


def _among(column: Column, values: Sequence[str], sqlite: bool) -> Column:
    """As one parameter; both databases look it up by its hash or in order, not one by one."""
    if sqlite:
        return column.in_(select(func.json_each(json.dumps(values)).table_valued("value").c.value))
    return column == any_(func.string_to_array(literal(",".join(values)), ","))
