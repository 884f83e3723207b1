"""Do-not-call entries by what they say rather than by their row: looked up and taken off, as programs do."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import DncEntry, DncKind, DncList
from app.security.access import Actor, Permission, scoped
from app.services import dnc
from app.services.number_formats import country_to_read_by
from app.services.organizations import organization_for
from common.clock import utcnow

Subjects = Sequence[tuple[str, str]]


def check(session: Session, actor: Actor, subjects: Subjects, home_country: str = "") -> list[bool]:
    """Whether each (kind, value) is on a list that holds for every campaign now. Raise Refused for a bad value.

    `home_country` is that of numbers without one, "" the organization's own.
    """
    actor.require(Permission.DNC_VIEW)
    home, now = organization_for(session, actor), utcnow()
    country = country_to_read_by(session, home, home_country)
    return [
        dnc.is_listed(session, home, kind, dnc.normalised(DncKind(kind), value, country), now)
        for kind, value in subjects
    ]


def take_off(
    session: Session, actor: Actor, subjects: Subjects, *, dnc_list_id: int | None = None, home_country: str = ""
) -> int:
    """From one list, or from all of the organization's own; how many entries went."""
    actor.require(Permission.DNC_EDIT)
    home, gone = organization_for(session, actor), 0
    country = country_to_read_by(session, home, home_country)
    lists = scoped(select(DncList.id).where(DncList.organization_id == home), DncList, actor)
    if dnc_list_id is not None:
        lists = lists.where(DncList.id == dnc_list_id)
    ids = session.scalars(lists).all()
    for kind, value in subjects:
        wanted = dnc.normalised(DncKind(kind), value, country)
        found = select(DncEntry.id).where(
            DncEntry.dnc_list_id.in_(ids), DncEntry.kind == DncKind(kind).value, DncEntry.value == wanted
        )
        for entry_id in session.scalars(found).all():
            dnc.remove(session, actor, entry_id)
            gone += 1
    return gone
