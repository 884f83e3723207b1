"""Contacts who are excluded from calling, in all campaigns or one: who they are, by whom, and resetting it.

No audience takes them in, and a job that has one already closes it as CONTACT_EXCLUDED instead of attempting it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, delete, exists, insert, or_, select
from sqlalchemy.orm import Session

from app.bulk import Rows, change_in_chunks, ids_of
from app.db import among, insert_missing, write_transaction
from app.models import Address, AddressKind, Campaign, Contact, ContactChange, ContactExclusion, ContactList
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.address_index import in_organizations
from app.services.audit import record
from app.services.numbering import read_numbering
from common.clock import utcnow
from common.errors import Refused

#: Contacts named by one request.
MOST = 1000
EVERY_CAMPAIGN = "all campaigns"
#: What a contact is named by beside its addresses: its id in the customer's own system.
ID = "id"
#: `ID` or an `AddressKind`, and the value as it was written.
Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """Who marks, and what: `campaign_id` None is every campaign."""

    organization_id: int
    campaign_id: int | None
    campaign: str = EVERY_CAMPAIGN
    user_id: int | None = None
    run_id: int | None = None
    via: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """How many contacts are marked now who were not before, or the reverse; and the places of subjects whom nobody in
    the list has, each with the reason."""

    changed: int
    unknown: tuple[tuple[int, str], ...]


def campaign_of(session: Session, actor: Actor, organization_id: int, name: str) -> Campaign:
    """By its name, of the organization whose list it is. Raise Refused."""
    actor.require(Permission.LISTS_VIEW)
    wanted = scoped(select(Campaign), Campaign, actor)
    found = session.scalar(wanted.where(Campaign.organization_id == organization_id, Campaign.name == name.strip()))
    if found is None:
        raise Refused(f"campaign: there is none named {name[:120]!r}")
    return found


def campaign_names(session: Session, actor: Actor, organization_id: int) -> list[tuple[int, str]]:
    """Whom contacts of the organization's lists can be excluded from."""
    actor.require(Permission.LISTS_VIEW)
    wanted = scoped(select(Campaign.id, Campaign.name), Campaign, actor).where(
        Campaign.organization_id == organization_id
    )
    return [(key, name) for key, name in session.execute(wanted.order_by(Campaign.name))]


def exclude(
    session: Session, actor: Actor, contact_list_id: int, subjects: Sequence[Subject], campaign_id: int | None = None
) -> Marked:
    """Nobody of the list whom a subject names is attempted from now on, until it is reset."""
    return _change(session, actor, contact_list_id, subjects, campaign_id, "exclude")


def reset(
    session: Session, actor: Actor, contact_list_id: int, subjects: Sequence[Subject], campaign_id: int | None = None
) -> Marked:
    """They may be called again: in the campaign, or (None) in all and each."""
    return _change(session, actor, contact_list_id, subjects, campaign_id, "reset")


def reset_list(engine: Engine, actor: Actor, contact_list_id: int, campaign_id: int | None = None) -> int:
    """Everybody of the list, in short transactions; how many."""
    with write_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        contact_list = get_scoped(session, actor, ContactList, contact_list_id)
        mark = _mark(session, actor, contact_list, campaign_id)
        record(session, actor, "contact.reset_list", contact_list, after={"campaign": mark.campaign})
    done = 0
    excluded = ContactExclusion.contact_id
    marked = select(excluded).join(Contact, Contact.id == excluded).distinct()
    marked = marked.where(Contact.contact_list_id == contact_list_id, *_meant(campaign_id))

    def meant(after: int) -> Select[int]:
        return marked.where(excluded > after).order_by(excluded)

    def write(session: Session, rows: Rows) -> None:
        nonlocal done
        done += len(take_marks(session, mark, ids_of(rows), utcnow()))

    change_in_chunks(engine, meant, write)
    return done


def list_excluded(
    session: Session,
    actor: Actor,
    contact_list_id: int,
    *,
    campaign_id: int | None = None,
    after_id: int = 0,
    limit: int = 50,
) -> list[tuple[Contact, list[str]]]:
    """Contacts of the list with what they are excluded from; of one campaign where it is given."""
    actor.require(Permission.LISTS_VIEW)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    marked = exists().where(ContactExclusion.contact_id == Contact.id, *_meant(campaign_id))
    mine = (Contact.contact_list_id == contact_list.id, Contact.id > after_id, Contact.deleted_at.is_(None))
    found = session.scalars(select(Contact).where(*mine, marked).order_by(Contact.id).limit(limit)).all()
    names = _names(session, [contact.id for contact in found])
    return [(contact, names.get(contact.id, [])) for contact in found]


def excluded_from(session: Session, actor: Actor, contact_id: int) -> list[str]:
    """Names of campaigns; `EVERY_CAMPAIGN` first."""
    actor.require(Permission.LISTS_VIEW)
    contact = get_scoped(session, actor, Contact, contact_id)
    return _names(session, [contact.id]).get(contact.id, [])


def excluded_among(session: Session, contact_ids: Collection[int], campaign_id: int | None) -> set[int]:
    """Those of them whom the campaign may not attempt; None asks for what holds in every campaign."""
    if not contact_ids:
        return set()
    wanted = select(ContactExclusion.contact_id).where(among(session, ContactExclusion.contact_id, list(contact_ids)))
    return set(session.scalars(wanted.where(_holds(campaign_id))))


def left_out(session: Session, contact_list_id: int, campaign_id: int) -> tuple[ColumnElement[bool], ...]:
    """Conditions on `contact` that leave out who is excluded; none where nobody of the list's owner is."""
    owner = select(ContactList.organization_id).where(ContactList.id == contact_list_id).scalar_subquery()
    wanted = select(ContactExclusion.id).where(ContactExclusion.organization_id == owner).limit(1)
    if session.scalar(wanted) is None:
        return ()
    return (~exists().where(ContactExclusion.contact_id == Contact.id, _holds(campaign_id)),)


def find(session: Session, contact_list: ContactList, subjects: Sequence[Subject]) -> list[set[int] | str]:
    """For each subject its contacts in the list, or why there are none."""
    numbering, now = read_numbering(session, contact_list.organization_id), utcnow()

    def number(text: str) -> str:
        return numbering.read(text, contact_list.home_country, now).e164

    wanted: dict[str, dict[str, list[int]]] = {}
    found: list[set[int] | str] = []
    for place, (kind, text) in enumerate(subjects):
        try:
            value = _value(kind, text, number)
        except Refused as refused:
            found.append(str(refused))
            continue
        wanted.setdefault(kind, {}).setdefault(value, []).append(place)
        found.append("is no contact of this list")
    for kind, places in wanted.items():
        for value, contact_id in _contacts(session, contact_list, kind, list(places)):
            for place in places[value]:
                known = found[place]
                found[place] = {contact_id} if isinstance(known, str) else known | {contact_id}
    return found


def put_marks(session: Session, mark: Mark, contact_ids: Collection[int], now: datetime) -> set[int]:
    """Who had none yet."""
    alike = ContactExclusion.campaign_id.is_(None) if mark.campaign_id is None else _of(mark.campaign_id)
    ids = sorted(contact_ids)
    if not ids:
        return set()
    there = set(
        session.scalars(
            select(ContactExclusion.contact_id).where(among(session, ContactExclusion.contact_id, ids), alike)
        )
    )
    fresh = [contact_id for contact_id in ids if contact_id not in there]
    common = {"organization_id": mark.organization_id, "campaign_id": mark.campaign_id, "at": now}
    if fresh:
        statement = insert_missing(session, ContactExclusion)
        session.execute(statement, [{**common, "contact_id": contact_id} for contact_id in fresh])
        _note(session, mark, fresh, "", mark.campaign, now)
    return set(fresh)


def take_marks(session: Session, mark: Mark, contact_ids: Collection[int], now: datetime) -> set[int]:
    """Who had one."""
    ids = sorted(contact_ids)
    if not ids:
        return set()
    meant = (among(session, ContactExclusion.contact_id, ids), *_meant(mark.campaign_id))
    had = sorted(set(session.scalars(select(ContactExclusion.contact_id).where(*meant))))
    if had:
        session.execute(delete(ContactExclusion).where(*meant))
        _note(session, mark, had, mark.campaign, "", now)
    return set(had)


def _change(
    session: Session,
    actor: Actor,
    contact_list_id: int,
    subjects: Sequence[Subject],
    campaign_id: int | None,
    what: str,
) -> Marked:
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    if len(subjects) > MOST:
        raise Refused(f"contacts: are {len(subjects):,}; at most {MOST:,} are taken at a time")
    mark = _mark(session, actor, contact_list, campaign_id)
    found = find(session, contact_list, subjects)
    ids = {contact_id for each in found if isinstance(each, set) for contact_id in each}
    changed = len((put_marks if what == "exclude" else take_marks)(session, mark, ids, utcnow()))
    after = {"by": actor.login, "campaign": mark.campaign, "contacts": changed}
    record(session, actor, f"contact.{what}", contact_list, after=after)
    return Marked(changed, tuple((place, each) for place, each in enumerate(found) if isinstance(each, str)))


def _mark(session: Session, actor: Actor, contact_list: ContactList, campaign_id: int | None) -> Mark:
    home, via = contact_list.organization_id, "" if actor.user_id else actor.login[:120]
    if campaign_id is None:
        return Mark(home, None, user_id=actor.user_id, via=via)
    campaign = get_scoped(session, actor, Campaign, campaign_id)
    if campaign.organization_id != home:
        raise Refused("campaign: belongs to another organization than the list")
    return Mark(home, campaign.id, campaign.name, actor.user_id, via=via)


def _holds(campaign_id: int | None) -> ColumnElement[bool]:
    everywhere = ContactExclusion.campaign_id.is_(None)
    return everywhere if campaign_id is None else or_(everywhere, _of(campaign_id))


def _meant(campaign_id: int | None) -> tuple[ColumnElement[bool], ...]:
    """None means every mark, those of single campaigns too."""
    return () if campaign_id is None else (_of(campaign_id),)


def _of(campaign_id: int) -> ColumnElement[bool]:
    return ContactExclusion.campaign_id == campaign_id


def _value(kind: str, text: str, number: Callable[[str], str]) -> str:
    if kind == AddressKind.PHONE:
        return number(text)
    if kind == AddressKind.EMAIL:
        return text.strip().lower()
    if kind != ID or not text.strip():
        raise Refused("is neither ID, phone nor email")
    return text.strip()


def _contacts(session: Session, contact_list: ContactList, kind: str, values: list[str]) -> Iterator[Any]:
    """Pairs of the value and a contact's id."""
    mine = (Contact.contact_list_id == contact_list.id, Contact.deleted_at.is_(None))
    wanted: Any
    if kind == ID:
        wanted = select(Contact.external_id, Contact.id).where(*mine, among(session, Contact.external_id, values))
    else:
        home = in_organizations(session, [contact_list.organization_id])
        theirs = (home, Address.kind == kind, among(session, Address.value, values))
        wanted = select(Address.value, Contact.id).join(Contact, Contact.id == Address.contact_id)
        wanted = wanted.where(*theirs, *mine)
    yield from session.execute(wanted)


def _names(session: Session, contact_ids: Sequence[int]) -> dict[int, list[str]]:
    found = session.execute(
        select(ContactExclusion.contact_id, Campaign.name)
        .outerjoin(Campaign, Campaign.id == ContactExclusion.campaign_id)
        .where(among(session, ContactExclusion.contact_id, contact_ids))
        .order_by(Campaign.name.is_not(None), Campaign.name)
    )
    names: dict[int, list[str]] = {}
    for contact_id, name in found:
        names.setdefault(contact_id, []).append(name or EVERY_CAMPAIGN)
    return names


def _note(session: Session, mark: Mark, contact_ids: Sequence[int], old: str, new: str, now: datetime) -> None:
    common = {
        "organization_id": mark.organization_id, "at": now, "user_id": mark.user_id, "import_run_id": mark.run_id,
        "via": mark.via, "field": "excluded from", "old": old, "new": new,
    }  # fmt: skip
    session.execute(insert(ContactChange), [{**common, "contact_id": contact_id} for contact_id in contact_ids])
