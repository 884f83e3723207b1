"""Dialing rules: kept in an order, of which the first that matches decides. Engines read them live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.phone import NumberType, Written, is_country
from app.models import DialingRuleRow, Trunk
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

#: Rules of one organization at most: each dial may look at all.
MOST = 500
_PREFIX = re.compile(r"\+?[0-9]{1,15}")
_STRIPPED = re.compile(r"\+?[0-9]{0,15}")
_PREPENDED = re.compile(r"\+?[0-9*#]{0,15}")
_MOST_STRIPPED = 15


@dataclass(frozen=True, slots=True)
class DialingRuleFields:
    """As a person fills it in; what is empty matches every number. `position` None puts a new one last."""

    name: str
    country: str = ""
    prefix: str = ""
    type: str = ""
    trunk_id: int | None = None
    written: str = Written.E164
    strip: int = 0
    strip_prefix: str = ""
    prepend: str = ""
    position: int | None = None


def list_dialing_rules(session: Session, actor: Actor) -> list[DialingRuleRow]:
    """In their order, by organization."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    order = (DialingRuleRow.organization_id, DialingRuleRow.position, DialingRuleRow.id)
    return list(session.scalars(scoped(select(DialingRuleRow), DialingRuleRow, actor).order_by(*order)))


def add_dialing_rule(
    session: Session, actor: Actor, fields: DialingRuleFields, organization_id: int | None = None
) -> DialingRuleRow:
    """Holds from the next call on, in running jobs too."""
    actor.require(Permission.SETTINGS_MANAGE)
    home = organization_for(session, actor, organization_id)
    values = _checked(session, home, fields)
    mine = select(DialingRuleRow).where(DialingRuleRow.organization_id == home)
    count, last = session.execute(
        select(func.count(), func.max(DialingRuleRow.position)).where(DialingRuleRow.organization_id == home)
    ).one()
    if count >= MOST:
        raise Refused(f"name: {MOST} rules at most; delete one first")
    if session.scalar(mine.where(DialingRuleRow.name == values["name"]).limit(1)) is not None:
        raise Refused(f"name: there is a rule {values['name']!r} already; choose another, calls are told by it")
    position = (last or 0) + 1 if fields.position is None else fields.position
    row = DialingRuleRow(organization_id=home, position=position, updated_at=utcnow(), **values)
    session.add(row)
    session.flush()
    record(session, actor, "dialing_rule.create", row, after={**values, "position": position})
    return row


def move_dialing_rule(session: Session, actor: Actor, rule_id: int, *, up: bool) -> None:
    """Change places with its neighbour; the first does not go up, the last not down."""
    actor.require(Permission.SETTINGS_MANAGE)
    row = get_scoped(session, actor, DialingRuleRow, rule_id)
    mine = select(DialingRuleRow).where(DialingRuleRow.organization_id == row.organization_id)
    rows = list(session.scalars(mine.order_by(DialingRuleRow.position, DialingRuleRow.id)))
    at = rows.index(row)
    other = at - 1 if up else at + 1
    if not 0 <= other < len(rows):
        return
    rows[at], rows[other] = rows[other], rows[at]
    now = utcnow()
    for position, each in enumerate(rows, 1):
        if each.position != position:
            each.position, each.updated_at = position, now
    session.flush()
    record(session, actor, "dialing_rule.move", row, after={"position": row.position})


def delete_dialing_rule(session: Session, actor: Actor, rule_id: int) -> None:
    actor.require(Permission.SETTINGS_MANAGE)
    row = get_scoped(session, actor, DialingRuleRow, rule_id)
    names = DialingRuleFields.__dataclass_fields__
    record(session, actor, "dialing_rule.delete", row, before={name: getattr(row, name) for name in names})
    session.delete(row)
    session.flush()


def _checked(session: Session, home: int, fields: DialingRuleFields) -> dict[str, Any]:
    """The column values, or Refused naming the first field that is wrong and how to mend it."""
    name, country = fields.name.strip(), fields.country.strip().upper()
    prefix, strip_prefix, prepend = (
        text.replace(" ", "") for text in (fields.prefix, fields.strip_prefix, fields.prepend)
    )
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    if country and not is_country(country):
        raise Refused(f"country: {country} is no country; write two letters such as US, or leave it empty")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise Refused("prefix: write an area code such as 212, or + and the first digits such as +4420")
    if fields.type not in ("", *NumberType):
        raise Refused(f"type: use one of {', '.join(NumberType)}, or leave it empty")
    if fields.written not in set(Written):
        raise Refused(f"written: use one of {', '.join(Written)}")
    if not 0 <= fields.strip <= _MOST_STRIPPED:
        raise Refused(f"strip: give a whole number from 0 to {_MOST_STRIPPED}")
    if not _STRIPPED.fullmatch(strip_prefix):
        raise Refused("strip_prefix: write digits, with + in front where the number is written with it")
    if not _PREPENDED.fullmatch(prepend):
        raise Refused("prepend: write digits, * and #, 15 at most")
    usable = or_(Trunk.organization_id == home, Trunk.organization_id.is_(None))
    if fields.trunk_id is not None and not session.scalar(select(Trunk.id).where(Trunk.id == fields.trunk_id, usable)):
        raise Refused("trunk_id: choose one of the trunks listed")
    return {
        "name": name,
        "country": country,
        "prefix": prefix,
        "type": str(fields.type),
        "trunk_id": fields.trunk_id,
        "written": str(fields.written),
        "strip": fields.strip,
        "strip_prefix": strip_prefix,
        "prepend": prepend,
    }
