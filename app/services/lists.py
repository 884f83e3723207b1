"""Contact lists and the definitions of attributes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.bulk import Rows, change_in_chunks, ids_of
from app.core.calendars import is_known_zone
from app.core.phone import is_country
from app.db import among, read_transaction, write_transaction
from app.intake.mapping import ATTRIBUTE, RESERVED, is_field
from app.models import (
    Attribute,
    AttributeType,
    Campaign,
    Contact,
    ContactExclusion,
    ContactList,
    JobContact,
    ListChange,
    ListChangeKind,
    ListChangeState,
    Organization,
)
from app.security.access import Actor, NotFound, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.list_counts import contacts_in
from app.services.organizations import organization_for
from app.services.sharing import is_foreign, lists_of
from common.clock import utcnow
from common.errors import Refused

_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class ListRow:
    contact_list: ContactList
    contacts: int
    #: The organization whose it is, where it is shared with the actor's.
    owner: str = ""


def list_lists(session: Session, actor: Actor, search: str = "") -> list[ListRow]:
    """Each list with the number of its contacts, by name; those that others share too."""
    actor.require(Permission.LISTS_VIEW)
    statement = (
        select(ContactList, Organization.name)
        .join(Organization, Organization.id == ContactList.organization_id)
        .where(lists_of(actor.organization_id))
        .order_by(ContactList.name, ContactList.id)
    )
    if search:
        statement = statement.where(func.lower(ContactList.name).contains(search.strip().lower(), autoescape=True))
    found = session.execute(statement).all()
    contacts = contacts_in(session, [contact_list.id for contact_list, _ in found])
    return [
        ListRow(contact_list, contacts.get(contact_list.id, 0), owner if is_foreign(actor, contact_list) else "")
        for contact_list, owner in found
    ]


def list_names(session: Session, actor: Actor) -> list[tuple[int, str]]:
    """Ids and names, by name, of those that others share too; quicker than the lists with their counts."""
    actor.require(Permission.LISTS_VIEW)
    mine = select(ContactList.id, ContactList.name).where(lists_of(actor.organization_id))
    rows = session.execute(mine.order_by(ContactList.name, ContactList.id))
    return [(key, name) for key, name in rows]


def get_list(session: Session, actor: Actor, contact_list_id: int) -> ContactList:
    """One of the actor's own; `sharing.visible_list` gets those of others too."""
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, ContactList, contact_list_id)


def find_list(session: Session, actor: Actor, name: str, organization_id: int | None = None) -> ContactList:
    actor.require(Permission.LISTS_VIEW)
    home = organization_for(session, actor, organization_id)
    found = session.scalar(select(ContactList).where(ContactList.organization_id == home, ContactList.name == name))
    if found is None:
        raise NotFound(f"contact list {name!r}: there is none")
    return found


def create_list(
    session: Session,
    actor: Actor,
    name: str,
    *,
    description: str = "",
    home_country: str = "US",
    time_zone: str = "",
    organization_id: int | None = None,
) -> ContactList:
    """`home_country` is the ISO 3166 country that numbers without + belong to; `time_zone` counts for contacts of whom
    nothing else is known, where that country has one time."""
    actor.require(Permission.LISTS_EDIT)
    home = organization_for(session, actor, organization_id)
    now = utcnow()
    contact_list = ContactList(
        organization_id=home,
        name=_free_name(session, home, name),
        description=description.strip()[:255],
        home_country=_country(home_country),
        time_zone=_zone(time_zone),
        created_at=now,
        updated_at=now,
    )
    session.add(contact_list)
    session.flush()
    record(session, actor, "contact_list.create", contact_list, after={"name": contact_list.name})
    return contact_list


def update_list(
    session: Session,
    actor: Actor,
    contact_list_id: int,
    *,
    name: str,
    description: str,
    home_country: str,
    time_zone: str = "",
) -> ContactList:
    """The home country counts for later imports; numbers already stored stay."""
    actor.require(Permission.LISTS_EDIT)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    before = _settings(contact_list)
    if name.strip() != contact_list.name:
        contact_list.name = _free_name(session, contact_list.organization_id, name)
    contact_list.description = description.strip()[:255]
    contact_list.home_country = _country(home_country)
    contact_list.time_zone = _zone(time_zone)
    contact_list.updated_at = utcnow()
    record(session, actor, "contact_list.update", contact_list, before=before, after=_settings(contact_list))
    return contact_list


def delete_list(engine: Engine, actor: Actor, contact_list_id: int) -> None:
    """Refused while a campaign or a change uses the list, and for good once a job has had its contacts.

    It cannot be undone.
    """
    with read_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        get_scoped(session, actor, ContactList, contact_list_id)
        _refuse_used(session, contact_list_id)
    _remove_all(engine, contact_list_id)
    with write_transaction(engine) as session:
        contact_list = get_scoped(session, actor, ContactList, contact_list_id)
        _refuse_used(session, contact_list_id)
        record(session, actor, "contact_list.delete", contact_list, before={"name": contact_list.name})
        session.execute(delete(ContactList).where(ContactList.id == contact_list_id))


def _remove_all(engine: Engine, contact_list_id: int) -> None:
    """In short transactions; whom a deletion has marked too."""
    mine = Contact.contact_list_id == contact_list_id

    def meant(after: int) -> Select[int]:
        return select(Contact.id).where(mine, Contact.id > after).order_by(Contact.id)

    def write(session: Session, rows: Rows) -> None:
        session.execute(delete(Contact).where(among(session, Contact.id, ids_of(rows)), mine))

    change_in_chunks(engine, meant, write)


def remove_contacts(session: Session, ids: list[int]) -> None:
    """Delete contacts, or mark those that jobs refer to and those who are excluded from calling, whom the next file
    would bring as people who may be called; for this package's services, which have checked the scope."""
    referred = exists().where(JobContact.contact_id == Contact.id)
    kept = referred | exists().where(ContactExclusion.contact_id == Contact.id)
    now = utcnow()
    session.execute(update(Contact).where(Contact.id.in_(ids), kept).values(deleted_at=now, updated_at=now))
    session.execute(delete(Contact).where(Contact.id.in_(ids), ~kept))


def list_attributes(session: Session, actor: Actor) -> list[Attribute]:
    actor.require(Permission.LISTS_VIEW)
    return list(session.scalars(scoped(select(Attribute), Attribute, actor).order_by(Attribute.name)))


def define_attribute(
    session: Session,
    actor: Actor,
    name: str,
    kind: str = AttributeType.STRING,
    *,
    masked: bool = False,
    read_only: bool = False,
    private: bool = False,
    organization_id: int | None = None,
) -> Attribute:
    """Add an attribute; the type decides what later imports take, so it never changes afterwards."""
    actor.require(Permission.LISTS_EDIT)
    home = organization_for(session, actor, organization_id)
    if not ATTRIBUTE.fullmatch(name) or is_field(name) or name in RESERVED:
        raise Refused(f"name: {name!r} cannot be used; write small letters, digits and _, and no built-in name")
    if kind not in list(AttributeType):
        raise Refused(f"type: use one of {', '.join(AttributeType)}")
    if session.scalar(select(Attribute.id).where(Attribute.organization_id == home, Attribute.name == name)):
        raise Refused(f"name: there is an attribute named {name!r} already")
    attribute = Attribute(
        organization_id=home, name=name, type=str(kind), masked=masked, read_only=read_only, private=private
    )
    session.add(attribute)
    session.flush()
    record(session, actor, "attribute.define", attribute, after={"name": name, "type": str(kind), "masked": masked})
    return attribute


def _free_name(session: Session, organization_id: int, name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refused(f"name: give 1 to {_LONGEST_NAME} printable characters")
    taken = select(ContactList.id).where(ContactList.organization_id == organization_id, ContactList.name == name)
    if session.scalar(taken) is not None:
        raise Refused(f"name: there is a contact list named {name!r} already; choose another")
    return name


def _settings(contact_list: ContactList) -> dict[str, str]:
    return {
        "name": contact_list.name,
        "home_country": contact_list.home_country,
        "time_zone": contact_list.time_zone,
    }


def _zone(name: str) -> str:
    zone = name.strip()
    if zone and not is_known_zone(zone):
        raise Refused(f"time zone: {zone!r} is not known; write such as Europe/Berlin, or leave it empty")
    return zone


def _country(code: str) -> str:
    code = code.strip().upper()
    if not is_country(code):
        raise Refused(f"home country: {code!r} is no country; write the two letters of ISO 3166, such as US")
    return code


def _refuse_used(session: Session, contact_list_id: int) -> None:
    going = ListChange.state.in_((ListChangeState.QUEUED, ListChangeState.RUNNING))
    changes = select(ListChange.id).where(ListChange.contact_list_id == contact_list_id, going)
    if session.scalar(changes.limit(1)) is not None:
        raise Refused("its contacts are being changed; wait for the end of that, or cancel it")
    owner = select(ContactList.organization_id).where(ContactList.id == contact_list_id).scalar_subquery()
    undone = select(ListChange.undoes_id).where(going, ListChange.undoes_id.is_not(None))
    splits = select(ListChange.asked).where(
        ListChange.organization_id == owner,
        ListChange.kind == ListChangeKind.SPLIT,
        going | ListChange.id.in_(undone),
    )
    if any(part["list_id"] == contact_list_id for asked in session.scalars(splits) for part in asked["parts"]):
        raise Refused("a split, or its undoing, goes on with this list; wait for the end of that, or cancel it")
    using = (
        select(Campaign.name, Campaign.organization_id == ContactList.organization_id)
        .join(ContactList, ContactList.id == Campaign.contact_list_id)
        .where(ContactList.id == contact_list_id)
    )
    for campaign, own in session.execute(using.limit(1)):
        name = f"the campaign {campaign!r}" if own else "a campaign of another organization"
        raise Refused(f"{name} uses this list; give it another list first, or empty this one")
    of_list = Contact.contact_list_id == contact_list_id
    referred = select(JobContact.id).join(Contact, Contact.id == JobContact.contact_id).where(of_list).limit(1)
    if session.scalar(referred) is not None:
        raise Refused("jobs have had contacts of this list, and their reports speak of them; empty it instead")
