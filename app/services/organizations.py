"""Which organization a new thing belongs to."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Organization
from app.security.access import Actor, Forbidden, NotFound
from common.errors import Refused


def organization_for(session: Session, actor: Actor, organization_id: int | None = None) -> int:
    """The organization that `actor` creates in: its own; a global actor names one, or the only one there is."""
    if actor.organization_id is not None:
        if organization_id not in (None, actor.organization_id):
            raise Forbidden("this organization is not yours")
        return actor.organization_id
    if organization_id is not None:
        return organization_id
    ids = session.scalars(select(Organization.id).order_by(Organization.id).limit(2)).all()
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise Refused("there is no organization yet; create one first")
    raise Refused("organization: there are several; say which one this belongs to")


def find_organization(session: Session, actor: Actor, name: str) -> Organization:
    """The organization by name; one that is not the actor's does not exist for it."""
    found = session.scalar(select(Organization).where(Organization.name == name))
    if found is None or actor.organization_id not in (None, found.id):
        raise NotFound(f"organization {name!r}: there is none")
    return found


def list_organizations(session: Session, actor: Actor) -> list[Organization]:
    """Those the actor may see: its own, or all."""
    statement = select(Organization).order_by(Organization.name)
    if actor.organization_id is not None:
        statement = statement.where(Organization.id == actor.organization_id)
    return list(session.scalars(statement))
