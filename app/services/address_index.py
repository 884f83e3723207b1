"""Looking for addresses by their values, as the index of each database has them.

PostgreSQL's is by organization and value. SQLite's is by organization, block of contacts and value (ADR 11), so there a
look is one into each block: 39 of them for five million contacts. A look that does not say so finds the same, but reads
every address of the organization.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, func, literal, literal_column, select
from sqlalchemy.orm import Session, aliased

from app.models import ADDRESS_BLOCK_BITS, Address

#: As the index has it, so no parameter.
_BITS: ColumnElement[int] = literal_column(str(ADDRESS_BLOCK_BITS))
_EVERY = aliased(Address)
_LAST = select(func.coalesce(func.max(_EVERY.contact_id), 0)).scalar_subquery()
_FIRST_BLOCK = select(literal(0).label("number")).cte("address_blocks", recursive=True)
#: From the first to that of the newest contact who has an address.
_BLOCKS = _FIRST_BLOCK.union_all(
    select(_FIRST_BLOCK.c.number + 1).where(_FIRST_BLOCK.c.number < _LAST.bitwise_rshift(_BITS))
)


def in_organizations(session: Session, organizations: Sequence[int] | Select[int]) -> ColumnElement[bool]:
    """That an address is theirs. With it goes a condition on `Address.value`: one of some, or a beginning."""
    theirs = Address.organization_id.in_(organizations)
    if session.get_bind().dialect.name != "sqlite":
        return theirs
    return and_(theirs, Address.contact_id.bitwise_rshift(_BITS).in_(select(_BLOCKS.c.number)))
