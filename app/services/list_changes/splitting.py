"""A list split into several: by conditions of which the first that holds counts, or by chance into shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.orm import Session

from app.core.audience import BadCondition, Filter, checked, filter_from_json, filter_to_json, filter_words
from app.core.audience.shares import MOST_PARTS, sizes
from app.models import (
    Campaign,
    Contact,
    ContactList,
    DataSource,
    ImportRun,
    JobContact,
    ListChange,
    ListChangeKind,
)
from app.security.access import Actor, Permission, get_scoped
from app.services import audience, lists
from app.services.audience.sql import Compiler, successful_codes
from app.services.audit import record
from common.clock import utcnow
from common.errors import Refused

_LONGEST_WORD = 64


@dataclass(frozen=True, slots=True)
class Part:
    """A new list: of whom the filter means and no part before it, or (without one) of who is left; or a share."""

    name: str
    made: Filter | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`word` decides who comes into which share: the same word gives the same parts again."""

    parts: tuple[Part, ...]
    copies: bool = False
    word: str = ""

    @property
    def by_shares(self) -> bool:
        return any(part.share for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": [
                {
                    "name": part.name,
                    "filter": None if part.made is None else filter_to_json(part.made),
                    "share": part.share,
                }
                for part in self.parts
            ],
            "copies": self.copies,
            "word": self.word,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Plan:
        parts = [
            Part(
                str(one["name"]),
                None if one["filter"] is None else filter_from_json(one["filter"]),
                float(one["share"]),
            )
            for one in body["parts"]
        ]
        return cls(tuple(parts), bool(body["copies"]), str(body["word"]))


@dataclass(frozen=True, slots=True)
class SplitLook:
    """How many contacts come into each part, and how many stay where they are alone."""

    counts: tuple[int, ...]
    staying: int
    last_id: int

    @property
    def counted(self) -> int:
        return sum(self.counts)


def look_split(session: Session, actor: Actor, contact_list_id: int, plan: Plan, now: datetime) -> SplitLook:
    """Before anything is changed. Raise BadCondition, whose place begins with the part's number."""
    actor.require(Permission.LISTS_VIEW)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    types = audience.attribute_types(session, contact_list.organization_id)
    _check(plan, types, now)
    _refuse_taken(session, contact_list.organization_id, [part.name.strip() for part in plan.parts])
    mine = (Contact.contact_list_id == contact_list_id, Contact.deleted_at.is_(None))
    newest = session.scalar(select(func.max(Contact.id)).where(*mine)) or 0
    total = session.scalar(select(func.count()).where(*mine)) or 0
    if plan.by_shares:
        counts = sizes([part.share for part in plan.parts], total)
    else:
        number = part_number(session, contact_list.organization_id, plan, types, now).label("part")
        counted = session.execute(select(number, func.count()).where(*mine).group_by(number))
        found: dict[int, int] = {part: count for part, count in counted}
        counts = [found.get(place, 0) for place in range(len(plan.parts))]
    return SplitLook(tuple(counts), total - sum(counts), newest)


def start_split(
    session: Session, actor: Actor, contact_list_id: int, plan: Plan, *, expected: int, last_id: int
) -> ListChange:
    """Make the lists and queue the rest. Raise Refused ("name: ..." for a list's name), with nothing made."""
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    if expected < 1:
        raise Refused("no contact comes into any part; there is nothing to split")
    types, now = audience.attribute_types(session, contact_list.organization_id), utcnow()
    _check(plan, types, now)
    asked = plan.to_json()
    for part in asked["parts"]:
        part["list_id"] = lists.create_list(
            session,
            actor,
            part["name"],
            description=f"Split off {contact_list.name}"[:255],
            home_country=contact_list.home_country,
            time_zone=contact_list.time_zone,
            organization_id=contact_list.organization_id,
        ).id
    change = ListChange(
        organization_id=contact_list.organization_id,
        contact_list_id=contact_list.id,
        kind=ListChangeKind.SPLIT,
        asked={**asked, "types": types},
        words=plan_words(plan),
        expected=expected,
        last_id=last_id,
        created_by=actor.user_id,
        created_at=now,
    )
    session.add(change)
    session.flush()
    after = {"list": contact_list.name, "parts": change.words, "contacts": expected, "copies": plan.copies}
    record(session, actor, "contact_list.split", change, after=after)
    return change


def refuse_merge(session: Session, change: ListChange) -> None:
    """Raise Refused where a list of the split is in use, or its copies are not what they were."""
    for part in change.asked["parts"]:
        mine, name = part["list_id"], part["name"]
        campaign = session.scalar(select(Campaign.name).where(Campaign.contact_list_id == mine).limit(1))
        if campaign is not None:
            raise Refused(f"the campaign {campaign!r} uses {name!r}; give it another list first")
        source = session.scalar(select(DataSource.name).where(DataSource.contact_list_id == mine).limit(1))
        if source is not None:
            raise Refused(f"the data source {source!r} fills {name!r}; delete it first")
        if change.asked["copies"] and _touched(session, change, mine):
            raise Refused(f"{name!r} has changed since; delete the list by itself if nobody needs it")


def part_number(
    session: Session, organization_id: int, plan: Plan, types: dict[str, str], now: datetime
) -> ColumnElement[int]:
    """By conditions; as many as there are parts for who stays."""
    compiler = Compiler(session.get_bind().dialect.name, types, now, successful_codes(session, organization_id))
    asked = [(compiler.where(part.made), place) for place, part in enumerate(plan.parts) if part.made is not None]
    rest = next((place for place, part in enumerate(plan.parts) if part.made is None), len(plan.parts))
    return case(*asked, else_=rest) if asked else literal(rest)


def plan_words(plan: Plan) -> str:
    return "; ".join(f"{part.name}: {part_words(part)}" for part in plan.parts)


def part_words(part: Part) -> str:
    if part.share:
        return f"{100 * part.share:.4g} %"
    return "who is left" if part.made is None else filter_words(part.made)


def _check(plan: Plan, types: dict[str, str], now: datetime) -> None:
    if not 1 <= len(plan.parts) <= MOST_PARTS:
        raise Refused(f"parts: give 1 to {MOST_PARTS}")
    if len(plan.word) > _LONGEST_WORD:
        raise Refused(f"word: {_LONGEST_WORD} characters at most")
    names = [part.name.strip() for part in plan.parts]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Refused(f"name: {twice!r} stands there twice; give each new list its own" if twice else "name: give one")
    _check_conditions(plan.parts, types, now)


def _refuse_taken(session: Session, organization_id: int, names: Sequence[str]) -> None:
    mine = (ContactList.organization_id == organization_id, ContactList.name.in_(names))
    taken = session.scalar(select(ContactList.name).where(*mine).limit(1))
    if taken is not None:
        raise Refused(f"name: there is a contact list named {taken!r} already; choose another")


def _check_conditions(parts: Sequence[Part], types: dict[str, str], now: datetime) -> None:
    # Together as one filter, so that the place of what is wrong tells the part.
    groups = tuple(group for part in parts if part.made is not None for group in part.made.groups)
    for first in range(0, len(groups), 10):
        try:
            checked(Filter(groups[first : first + 10]), types, now)
        except BadCondition as error:
            group, condition = error.place
            raise BadCondition(str(error), (first + group, condition)) from error


def _touched(session: Session, change: ListChange, list_id: int) -> bool:
    mine = Contact.contact_list_id == list_id
    asked = (
        select(JobContact.id).join(Contact, Contact.id == JobContact.contact_id).where(mine),
        select(ImportRun.id).where(ImportRun.contact_list_id == list_id),
        select(Contact.id).where(mine, (Contact.updated_at != Contact.created_at) | Contact.deleted_at.is_not(None)),
        select(Contact.id).where(mine, Contact.created_at > change.ended_at),
    )
    return any(session.scalar(statement.limit(1)) is not None for statement in asked)
