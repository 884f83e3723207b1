"""An organization's numbering read from the database, and what comes of a number by it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.phone import (
    DialingRule,
    Numbering,
    OpenedRange,
    RejectPattern,
    RejectPatterns,
    TrunkSite,
)
from app.models import Base, DialingRuleRow, OpenedRangeRow, RejectPatternRow, Trunk
from app.services.kept import KeptReader

_TABLES: tuple[type[Base], ...] = (DialingRuleRow, RejectPatternRow, OpenedRangeRow)


class NumberingReader(KeptReader[Numbering]):
    def __init__(self) -> None:
        super().__init__(_TABLES, read_numbering)


def read_numbering(session: Session, organization_id: int) -> Numbering:
    rules = session.scalars(
        select(DialingRuleRow)
        .where(DialingRuleRow.organization_id == organization_id)
        .order_by(DialingRuleRow.position, DialingRuleRow.id)
    )
    patterns = session.scalars(
        select(RejectPatternRow)
        .where(RejectPatternRow.organization_id == organization_id)
        .order_by(RejectPatternRow.id)
    )
    opened = session.scalars(select(OpenedRangeRow).where(OpenedRangeRow.organization_id == organization_id))
    return Numbering(
        dialing=tuple(rule_of(row) for row in rules),
        rejects=RejectPatterns(RejectPattern(row.pattern, row.reason, row.country) for row in patterns),
        opened=tuple(OpenedRange(row.prefix, row.until) for row in opened),
    )


def rule_of(row: DialingRuleRow) -> DialingRule:
    return DialingRule(
        row.name, row.country, row.prefix, row.type, row.trunk_id, row.written, row.strip, row.strip_prefix, row.prepend
    )


def site_of(trunk: Trunk) -> TrunkSite:
    return TrunkSite(trunk.id, trunk.country)
