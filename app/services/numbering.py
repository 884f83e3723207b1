"""An organization's numbering read from the database, and what comes of a number by it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.phone import (
    CountryFormat,
    DialingRule,
    Formats,
    Numbering,
    OpenedRange,
    RejectPattern,
    RejectPatterns,
    TrunkSite,
    check_lengths,
)
from app.models import (
    Base,
    DialingRuleRow,
    NumberDefaultsRow,
    NumberFormatRow,
    OpenedRangeRow,
    RejectPatternRow,
    Trunk,
)
from app.services.kept import KeptReader

_TABLES: tuple[type[Base], ...] = (
    DialingRuleRow, RejectPatternRow, OpenedRangeRow, NumberFormatRow, NumberDefaultsRow,
)  # fmt: skip


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
        formats=_formats(session, organization_id),
    )


def _formats(session: Session, organization_id: int) -> Formats:
    rows = session.scalars(select(NumberFormatRow).where(NumberFormatRow.organization_id == organization_id))
    mine = NumberDefaultsRow.organization_id == organization_id
    separator = session.scalar(select(NumberDefaultsRow.separator).where(mine)) or ""
    return Formats((format_of(row) for row in rows), separator)


def format_of(row: NumberFormatRow) -> CountryFormat:
    local = tuple((pattern, before) for pattern, before in row.local)
    return CountryFormat(row.country, check_lengths(row.lengths), row.pad, row.trunk_prefix, local)


def rule_of(row: DialingRuleRow) -> DialingRule:
    return DialingRule(
        row.name, row.country, row.prefix, row.type, row.trunk_id, row.written, row.strip, row.strip_prefix, row.prepend
    )


def site_of(trunk: Trunk) -> TrunkSite:
    return TrunkSite(trunk.id, trunk.country)
