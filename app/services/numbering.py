"""An organization's numbering read from the database, and what comes of a number by it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.phone import BadNumber, DialingRule, Dialled, Numbering, PhoneNumber, TrunkSite, parse_number
from app.models import Base, DialingRuleRow, Trunk
from app.security.access import Actor, Permission, scoped
from app.services.choices import Choice
from app.services.kept import KeptReader
from app.services.organizations import organization_for
from common.errors import Refused

_TABLES: tuple[type[Base], ...] = (DialingRuleRow,)


class NumberingReader(KeptReader[Numbering]):
    def __init__(self) -> None:
        super().__init__(_TABLES, read_numbering)


def read_numbering(session: Session, organization_id: int) -> Numbering:
    rules = session.scalars(
        select(DialingRuleRow)
        .where(DialingRuleRow.organization_id == organization_id)
        .order_by(DialingRuleRow.position, DialingRuleRow.id)
    )
    return Numbering(dialing=tuple(rule_of(row) for row in rules))


def rule_of(row: DialingRuleRow) -> DialingRule:
    return DialingRule(
        row.name, row.country, row.prefix, row.type, row.trunk_id, row.written, row.strip, row.strip_prefix, row.prepend
    )


def site_of(trunk: Trunk) -> TrunkSite:
    return TrunkSite(trunk.id, trunk.country)


@dataclass(frozen=True, slots=True)
class Tried:
    """What comes of a number: `refusal` says why it is never dialled, else `dialled` and the rule that made it so."""

    text: str
    trunk: str
    number: PhoneNumber | None = None
    refusal: str = ""
    dialled: str = ""
    rule: str = ""


def trunks_to_try(session: Session, actor: Actor) -> list[Choice]:
    """The actor's own and the common ones."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    found = scoped(select(Trunk), Trunk, actor, include_common=True).order_by(Trunk.name, Trunk.id)
    return [Choice(row.id, row.name, row.country) for row in session.scalars(found)]


def try_number(
    session: Session,
    actor: Actor,
    text: str,
    trunk_id: int,
    home_country: str = "",
    organization_id: int | None = None,
) -> Tried:
    """What an import would read of it and the trunk would dial, by the rules of this moment; `trunk_id` 0 is
    any trunk. Nothing is dialled."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    home = organization_for(session, actor, organization_id)
    name, site = _trunk_to_try(session, actor, trunk_id, home)
    try:
        number = parse_number(text.strip(), home_country.strip().upper())
    except BadNumber as error:
        return Tried(text, name, refusal=str(error))
    made = read_numbering(session, home).dial(number.e164, site)
    if not isinstance(made, Dialled):
        return Tried(text, name, number, refusal=str(made))
    return Tried(text, name, number, dialled=made.text, rule=made.rule)


def _trunk_to_try(session: Session, actor: Actor, trunk_id: int, home: int) -> tuple[str, TrunkSite]:
    if not trunk_id:
        return "a trunk without rules of its own", TrunkSite(0)
    usable = or_(Trunk.organization_id == home, Trunk.organization_id.is_(None))
    trunk = session.scalar(scoped(select(Trunk).where(Trunk.id == trunk_id, usable), Trunk, actor, include_common=True))
    if trunk is None:
        raise Refused("trunk_id: choose one of the trunks listed")
    return trunk.name, site_of(trunk)
