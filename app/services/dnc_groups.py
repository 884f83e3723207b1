"""Groups of do-not-call lists, and which of them a campaign has chosen.

A list that holds by group is for some campaigns alone (those of one product, say); all other lists hold for everybody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from app.models import Campaign, CampaignDncGroup, DncGroup, DncGroupList, DncList
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.errors import Refused


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with the ids of its lists and of the campaigns that chose it."""

    group: DncGroup
    lists: frozenset[int]
    campaigns: frozenset[int]


def list_groups(session: Session, actor: Actor) -> list[GroupRow]:
    actor.require(Permission.DNC_VIEW)
    groups = session.scalars(scoped(select(DncGroup), DncGroup, actor).order_by(DncGroup.name, DncGroup.id)).all()
    lists, campaigns = _pairs(session, DncGroupList.dnc_list_id), _pairs(session, CampaignDncGroup.campaign_id)
    return [
        GroupRow(group, frozenset(lists.get(group.id, ())), frozenset(campaigns.get(group.id, ()))) for group in groups
    ]


def put_group(
    session: Session,
    actor: Actor,
    name: str,
    list_ids: Collection[int],
    campaign_ids: Collection[int],
    organization_id: int | None = None,
) -> DncGroup:
    """Make the group of that name, or give it these lists and campaigns instead of those it had."""
    actor.require(Permission.DNC_EDIT)
    home = organization_for(session, actor, organization_id)
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    usable = or_(DncList.organization_id == home, DncList.organization_id.is_(None))
    lists = set(session.scalars(select(DncList.id).where(DncList.id.in_(list_ids), usable)))
    mine = Campaign.organization_id == home
    campaigns = set(session.scalars(select(Campaign.id).where(Campaign.id.in_(campaign_ids), mine)))
    if lists != set(list_ids) or campaigns != set(campaign_ids):
        raise Refused("lists: choose lists and campaigns that belong to this organization")
    group = session.scalar(select(DncGroup).where(DncGroup.organization_id == home, DncGroup.name == name))
    if group is None:
        group = DncGroup(organization_id=home, name=name)
        session.add(group)
        session.flush()
    session.execute(delete(DncGroupList).where(DncGroupList.dnc_group_id == group.id))
    session.execute(delete(CampaignDncGroup).where(CampaignDncGroup.dnc_group_id == group.id))
    if lists:
        session.execute(insert(DncGroupList), [{"dnc_group_id": group.id, "dnc_list_id": key} for key in sorted(lists)])
    if campaigns:
        rows = [{"dnc_group_id": group.id, "campaign_id": key} for key in sorted(campaigns)]
        session.execute(insert(CampaignDncGroup), rows)
    after = {"name": name, "lists": sorted(lists), "campaigns": sorted(campaigns)}
    record(session, actor, "dnc_group.put", group, after=after)
    return group


def delete_group(session: Session, actor: Actor, group_id: int) -> None:
    """Its lists stay; the campaigns that chose it are not held by them any more, unless by another group."""
    actor.require(Permission.DNC_EDIT)
    group = get_scoped(session, actor, DncGroup, group_id)
    record(session, actor, "dnc_group.delete", group, before={"name": group.name})
    session.delete(group)
    session.flush()


def set_by_group(session: Session, actor: Actor, dnc_list_id: int, by_group: bool) -> DncList:
    """Let a list hold for all campaigns, or for those alone that have chosen a group with it."""
    actor.require(Permission.DNC_EDIT)
    dnc_list = get_scoped(session, actor, DncList, dnc_list_id)
    before = {"by_group": dnc_list.by_group}
    dnc_list.by_group = by_group
    session.flush()
    record(session, actor, "dnc.update_list", dnc_list, before=before, after={"by_group": by_group})
    return dnc_list


def _pairs(session: Session, member: Any) -> dict[int, list[int]]:
    group = member.class_.dnc_group_id
    found: dict[int, list[int]] = {}
    for group_id, member_id in session.execute(select(group, member)):
        found.setdefault(group_id, []).append(member_id)
    return found
