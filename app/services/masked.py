"""What stands for a value that may not be seen, and which values that is."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Attribute
from app.security.access import Actor, Permission

MASK = "********"


def masked_attributes(session: Session, actor: Actor, organization_ids: Collection[int]) -> set[tuple[int, str]]:
    """Owner and name of the attributes whose values the actor sees as `MASK`."""
    if actor.may(Permission.ATTRIBUTES_UNMASK):
        return set()
    rows = session.execute(
        select(Attribute.organization_id, Attribute.name).where(
            Attribute.organization_id.in_(organization_ids), Attribute.masked.is_(True)
        )
    )
    return {(organization_id, name) for organization_id, name in rows}
