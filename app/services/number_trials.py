"""What comes of a number by an organization's rules, without dialling it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.phone import (
    BadNumber,
    Dialled,
    NumberRefused,
    Origin,
    PhoneNumber,
    RejectPattern,
    RejectPatterns,
    TrunkSite,
    check_pattern,
)
from app.models import Trunk
from app.security.access import Actor, Permission, scoped
from app.services import regions
from app.services.choices import Choice
from app.services.number_formats import home_country_of
from app.services.numbering import read_numbering, site_of
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import Refused

_NOTHING_KNOWN = Origin()


@dataclass(frozen=True, slots=True)
class Tried:
    """What comes of a number: `refusal` says why it is never dialled, else `dialled` and the rule that made it so."""

    text: str
    trunk: str
    number: PhoneNumber | None = None
    refusal: str = ""
    dialled: str = ""
    rule: str = ""
    #: A pattern that is not kept, tried as well: whether it would refuse the number.
    pattern: str = ""
    matches: bool = False
    origin: Origin = _NOTHING_KNOWN


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
    pattern: str = "",
) -> Tried:
    """What an import would read of it and the trunk would dial, by the rules of this moment; `trunk_id` 0 is
    any trunk. Nothing is dialled."""
    actor.require(Permission.CAMPAIGNS_VIEW)
    home = organization_for(session, actor, organization_id)
    rules = read_numbering(session, home)
    name, site = _trunk_to_try(session, actor, trunk_id, home)
    try:
        number = rules.read(text.strip(), home_country.strip().upper() or home_country_of(session, home), utcnow())
    except BadNumber as error:
        found = Tried(text, name, error.number if isinstance(error, NumberRefused) else None, refusal=str(error))
    else:
        made = rules.dial(number.e164, site)
        if isinstance(made, Dialled):
            found = Tried(text, name, number, dialled=made.text, rule=made.rule)
        else:
            found = Tried(text, name, number, refusal=str(made))
    if found.number is not None:
        found = replace(found, origin=regions.origin(found.number.e164))
    return _with_pattern(found, pattern) if pattern.strip() else found


def _with_pattern(tried: Tried, text: str) -> Tried:
    pattern = check_pattern(text)
    if tried.number is None:
        raise Refused("pattern: is tried on a number that exists; give one")
    found = RejectPatterns([RejectPattern(pattern)]).find(tried.number.e164, "")
    return replace(tried, pattern=pattern, matches=found is not None)


def _trunk_to_try(session: Session, actor: Actor, trunk_id: int, home: int) -> tuple[str, TrunkSite]:
    if not trunk_id:
        return "a trunk without rules of its own", TrunkSite(0)
    usable = or_(Trunk.organization_id == home, Trunk.organization_id.is_(None))
    trunk = session.scalar(scoped(select(Trunk).where(Trunk.id == trunk_id, usable), Trunk, actor, include_common=True))
    if trunk is None:
        raise Refused("trunk_id: choose one of the trunks listed")
    return trunk.name, site_of(trunk)
