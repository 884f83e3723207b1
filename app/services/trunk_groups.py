"""Which trunks stand together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Trunk


def read_group(session: Session, trunk: Trunk) -> Sequence[Trunk]:
    """All trunks that calls by this one may leave by: those of its group and owner, or itself alone."""
    if not trunk.route:
        return [trunk]
    owner = Trunk.organization_id
    same = owner.is_(None) if trunk.organization_id is None else owner == trunk.organization_id
    return session.scalars(select(Trunk).where(same, Trunk.route == trunk.route).order_by(Trunk.id)).all()
