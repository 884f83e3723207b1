"""Numbers that are refused: reject patterns, and ranges opened for a time though their kind is never dialled.

Engines read both live: a pattern stops the next dial, a range that is over as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.phone import check_pattern, is_country
from app.models import OpenedRangeRow, RejectPatternRow
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

#: Patterns of one organization at most.
MOST = 1000
#: A range is opened for so long at most; then somebody has to want it again.
LONGEST_OPEN = timedelta(days=366)
_PREFIX = re.compile(r"\+[1-9][0-9]{1,13}")
Row = TypeVar("Row", RejectPatternRow, OpenedRangeRow)


@dataclass(frozen=True, slots=True)
class RejectPatternFields:
    pattern: str
    reason: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class OpenedRangeFields:
    """`last_day` is the last on which it is open, in UTC."""

    prefix: str
    last_day: date
    reason: str


def list_reject_patterns(session: Session, actor: Actor) -> list[RejectPatternRow]:
    actor.require(Permission.CAMPAIGNS_VIEW)
    order = (RejectPatternRow.organization_id, RejectPatternRow.id)
    return list(session.scalars(scoped(select(RejectPatternRow), RejectPatternRow, actor).order_by(*order)))


def put_reject_pattern(
    session: Session, actor: Actor, fields: RejectPatternFields, organization_id: int | None = None
) -> RejectPatternRow:
    """Add a pattern, or give the one that is there another reason."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    pattern, country = check_pattern(fields.pattern), fields.country.strip().upper()
    if country and not is_country(country):
        raise Refused(f"country: {country} is no country; write two letters such as US, or leave it empty")
    if country and pattern.startswith("+"):
        raise Refused("country: a pattern with + says its country itself; leave it empty")
    mine = RejectPatternRow.organization_id == home
    if (session.scalar(select(func.count()).select_from(RejectPatternRow).where(mine)) or 0) >= MOST:
        raise Refused(f"pattern: {MOST:,} patterns at most; remove one first")
    same = (RejectPatternRow.pattern == pattern, RejectPatternRow.country == country)
    row = session.scalar(select(RejectPatternRow).where(mine, *same)) or RejectPatternRow(organization_id=home)
    values = {"pattern": pattern, "country": country, "reason": _reason(fields.reason)}
    return _put(session, actor, row, values, "reject_pattern.put")


def delete_reject_pattern(session: Session, actor: Actor, pattern_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    row = get_scoped(session, actor, RejectPatternRow, pattern_id)
    before = {"pattern": row.pattern, "country": row.country, "reason": row.reason}
    _delete(session, actor, row, before, "reject_pattern.delete")


def list_opened_ranges(session: Session, actor: Actor) -> list[OpenedRangeRow]:
    """Those that are over too, until somebody removes them."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    order = (OpenedRangeRow.organization_id, OpenedRangeRow.prefix)
    return list(session.scalars(scoped(select(OpenedRangeRow), OpenedRangeRow, actor).order_by(*order)))


def open_range(
    session: Session, actor: Actor, fields: OpenedRangeFields, organization_id: int | None = None
) -> OpenedRangeRow:
    """Have numbers dialled that begin so, or give the range another end. Emergency and short numbers have no E.164 that
    could be opened."""
    actor.require(Permission.SETTINGS_MANAGE)
    home, now = organization_for(session, actor, organization_id), utcnow()
    prefix, reason = fields.prefix.replace(" ", ""), _reason(fields.reason)
    if not _PREFIX.fullmatch(prefix):
        raise Refused("prefix: write + and the first digits of the numbers, such as +1900 or +881")
    if not reason:
        raise Refused("reason: say why such numbers are to be dialled; it is kept in the audit trail")
    until = datetime.combine(fields.last_day, time(), now.tzinfo) + timedelta(days=1)
    if not now < until <= now + LONGEST_OPEN:
        raise Refused(f"last_day: give a day from today on, at most {LONGEST_OPEN.days - 1} days ahead")
    mine = (OpenedRangeRow.organization_id == home, OpenedRangeRow.prefix == prefix)
    row = session.scalar(select(OpenedRangeRow).where(*mine)) or OpenedRangeRow(organization_id=home)
    return _put(session, actor, row, {"prefix": prefix, "until": until, "reason": reason}, "number_range.open")


def close_range(session: Session, actor: Actor, range_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    row = get_scoped(session, actor, OpenedRangeRow, range_id)
    before = {"prefix": row.prefix, "until": row.until.isoformat(), "reason": row.reason}
    _delete(session, actor, row, before, "number_range.close")


def _put(session: Session, actor: Actor, row: Row, values: dict[str, Any], action: str) -> Row:
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = utcnow()
    session.add(row)
    session.flush()
    after = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    record(session, actor, action, row, after=after)
    return row


def _delete(session: Session, actor: Actor, row: Row, before: dict[str, Any], action: str) -> None:
    record(session, actor, action, row, before=before)
    session.delete(row)
    session.flush()


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if len(reason) > 255 or not reason.isprintable():
        raise Refused("reason: 255 printable characters at most")
    return reason
