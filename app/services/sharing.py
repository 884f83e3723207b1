"""Contact lists shared with other organizations: to be used in their campaigns, or to be changed by them too.

A list stays its owner's: imports, deletions and splits are the owner's alone, and private attributes are told to nobody
else. What an organization's campaigns do with the contacts (attempts, do-not-call entries, consent) is its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from app.models import Attribute, Contact, ContactList, ContactListShare, Organization
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.audit import record
from common.clock import utcnow
from common.errors import Refused


@dataclass(frozen=True, slots=True)
class Shared:
    """One share of a list; `organization` "" is every organization."""

    id: int
    organization: str
    may_edit: bool


def shared_with(organization_id: int | None, *, edit: bool = False) -> Select[int]:
    """Ids of lists of others that the organization may use, or (`edit`) whose contacts it may change."""
    mine = or_(ContactListShare.organization_id == organization_id, ContactListShare.organization_id.is_(None))
    ids = select(ContactListShare.contact_list_id).where(mine)
    return ids.where(ContactListShare.may_edit.is_(True)) if edit else ids


def lists_of(organization_id: int | None, *, edit: bool = False) -> ColumnElement[bool]:
    """Lists that are the organization's own or shared with it; None is every list there is."""
    if organization_id is None:
        return ContactList.id.is_not(None)
    shared = ContactList.id.in_(shared_with(organization_id, edit=edit))
    return or_(ContactList.organization_id == organization_id, shared)


def contacts_of(organization_id: int | None, *, edit: bool = False) -> ColumnElement[bool]:
    """Contacts of such lists."""
    if organization_id is None:
        return Contact.id.is_not(None)
    shared = Contact.contact_list_id.in_(shared_with(organization_id, edit=edit))
    return or_(Contact.organization_id == organization_id, shared)


def using(session: Session, contact_ids: Collection[int]) -> set[int]:
    """Organizations that lists of these contacts are shared with."""
    lists = select(Contact.contact_list_id).where(Contact.id.in_(contact_ids))
    shares = select(ContactListShare.organization_id).where(ContactListShare.contact_list_id.in_(lists))
    found = set(session.scalars(shares))
    if None in found:
        return set(session.scalars(select(Organization.id)))
    return {key for key in found if key is not None}


def is_foreign(actor: Actor, row: ContactList | Contact) -> bool:
    """Whether the actor sees it because it is shared."""
    return actor.organization_id not in (None, row.organization_id)


def visible_list(session: Session, actor: Actor, contact_list_id: int) -> ContactList:
    """The actor's own list, or one that is shared with its organization."""
    actor.require(Permission.LISTS_VIEW)
    wanted = select(ContactList).where(ContactList.id == contact_list_id, lists_of(actor.organization_id))
    found = session.scalar(wanted)
    if found is None:
        raise NotFound(f"contact list {contact_list_id}: there is none")
    return found


def visible_contact(session: Session, actor: Actor, contact_id: int, *, edit: bool = False) -> Contact:
    """A contact of the actor's own lists, or of one that is shared with its organization (to be changed)."""
    actor.require(Permission.LISTS_EDIT if edit else Permission.LISTS_VIEW)
    mine = contacts_of(actor.organization_id, edit=edit)
    found = session.scalar(select(Contact).where(Contact.id == contact_id, mine))
    if found is None:
        raise NotFound(f"contact {contact_id}: there is none")
    return found


def may_edit(session: Session, actor: Actor, contact_list: ContactList) -> bool:
    """Whether the actor may change the list's contacts one by one."""
    if not actor.may(Permission.LISTS_EDIT):
        return False
    wanted = select(ContactList.id).where(ContactList.id == contact_list.id, lists_of(actor.organization_id, edit=True))
    return session.scalar(wanted) is not None


def owner_name(session: Session, contact_list: ContactList) -> str:
    """For whom the list is shared with."""
    return session.get_one(Organization, contact_list.organization_id).name


def shares_of(session: Session, actor: Actor, contact_list_id: int) -> list[Shared]:
    """With whom the owner shares it, everybody first."""
    actor.require(Permission.LISTS_VIEW)
    get_scoped(session, actor, ContactList, contact_list_id)
    rows = session.execute(
        select(ContactListShare.id, Organization.name, ContactListShare.may_edit)
        .outerjoin(Organization, Organization.id == ContactListShare.organization_id)
        .where(ContactListShare.contact_list_id == contact_list_id)
    )
    found = [Shared(key, name or "", edit) for key, name, edit in rows]
    return sorted(found, key=lambda shared: shared.organization)


def share(
    session: Session, actor: Actor, contact_list_id: int, organization: str, *, may_edit: bool = False
) -> ContactListShare:
    """With the organization of that very name, or with every one ("*"), those to come too. Sharing again changes what
    it may. Raise Refused."""
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    whom = None
    if organization.strip() != "*":
        whom = session.scalar(select(Organization.id).where(Organization.name == organization.strip()))
        if whom is None:
            raise Refused(f"organization: there is none named {organization.strip()[:120]!r}; write its exact name")
        if whom == contact_list.organization_id:
            raise Refused("organization: the list is its own already; name another")
    same = ContactListShare.organization_id.is_(None) if whom is None else ContactListShare.organization_id == whom
    row = session.scalar(select(ContactListShare).where(ContactListShare.contact_list_id == contact_list.id, same))
    if row is None:
        row = ContactListShare(contact_list_id=contact_list.id, organization_id=whom, created_at=utcnow())
        session.add(row)
    row.may_edit = may_edit
    session.flush()
    after = {"with": organization.strip(), "may": "edit" if may_edit else "use"}
    record(session, actor, "contact_list.share", contact_list, after=after)
    return row


def unshare(session: Session, actor: Actor, contact_list_id: int, share_id: int) -> None:
    """From the commit on no job of the organization starts an attempt to its contacts: it ends with each as
    CONTACT_DELETED when its turn comes. Calls under way go on."""
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    row = session.get(ContactListShare, share_id)
    if row is None or row.contact_list_id != contact_list.id:
        raise NotFound(f"share {share_id}: there is none of this list")
    whom = session.get(Organization, row.organization_id) if row.organization_id is not None else None
    before = {"with": whom.name if whom else "*"}
    record(session, actor, "contact_list.unshare", contact_list, before=before)
    session.delete(row)


def hidden_attributes(session: Session, organization_id: int | None, owners: Collection[int]) -> Mapping[int, set[str]]:
    """By owner, the private attributes of others, which the organization is not told."""
    others = [owner for owner in owners if organization_id not in (None, owner)]
    hidden: dict[int, set[str]] = {}
    if others:
        private = select(Attribute.organization_id, Attribute.name).where(
            Attribute.organization_id.in_(others), Attribute.private.is_(True)
        )
        for owner, name in session.execute(private):
            hidden.setdefault(owner, set()).add(name)
    return hidden


def types_of_list(session: Session, contact_list: ContactList, organization_id: int | None) -> dict[str, str]:
    """Attributes of the list's contacts that the organization's filters may ask for."""
    rows = select(Attribute.name, Attribute.type).where(Attribute.organization_id == contact_list.organization_id)
    if organization_id not in (None, contact_list.organization_id):
        rows = rows.where(Attribute.private.is_(False))
    return {name: kind for name, kind in session.execute(rows.order_by(Attribute.name))}


def askable_types(session: Session, organization_id: int) -> dict[str, str]:
    """Attributes that the organization's filters may name: its own, and those of lists that are shared with it. Where
    both have one of a name, its own is shown; a list goes by its owner's."""
    owners = select(ContactList.organization_id).where(ContactList.id.in_(shared_with(organization_id)))
    rows = session.execute(
        select(Attribute.name, Attribute.type)
        .where(
            or_(
                Attribute.organization_id == organization_id,
                Attribute.organization_id.in_(owners) & Attribute.private.is_(False),
            )
        )
        .order_by(Attribute.organization_id == organization_id, Attribute.name)
    )
    found = {name: kind for name, kind in rows}
    return dict(sorted(found.items()))
