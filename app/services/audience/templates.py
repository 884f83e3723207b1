"""Filter templates: named filters of an organization, and what they find before anybody is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audience import Filter, checked, filter_from_json, filter_to_json
from app.models import Attribute, Campaign, Contact, ContactList, FilterTemplate
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audience.sql import Compiler, successful_codes
from app.services.audience.told import refuse_unknown
from app.services.audit import record
from app.services.contacts import ContactView, views_of
from app.services.organizations import organization_for
from app.services.sharing import askable_types, types_of_list, visible_list
from common.clock import utcnow
from common.errors import Refused

_LONGEST_NAME = 120
#: Contacts that a quick look counts among, and that it shows.
QUICK = 100_000
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """`counted` of the `looked_at` contacts are meant; `whole` when the list has no more than those."""

    counted: int
    looked_at: int
    whole: bool
    first: Sequence[ContactView]


def list_filters(session: Session, actor: Actor) -> list[FilterTemplate]:
    actor.require(Permission.LISTS_VIEW)
    wanted = scoped(select(FilterTemplate), FilterTemplate, actor)
    return list(session.scalars(wanted.order_by(FilterTemplate.name, FilterTemplate.id)))


def get_filter(session: Session, actor: Actor, filter_id: int) -> FilterTemplate:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, FilterTemplate, filter_id)


def create_filter(
    session: Session,
    actor: Actor,
    name: str,
    made: Filter,
    *,
    description: str = "",
    organization_id: int | None = None,
) -> FilterTemplate:
    """Raise BadCondition where a condition cannot be asked."""
    actor.require(Permission.LISTS_EDIT)
    home = organization_for(session, actor, organization_id)
    now = utcnow()
    template = FilterTemplate(
        organization_id=home,
        name=_free_name(session, home, name),
        description=description.strip()[:255],
        definition=filter_to_json(_checked(made, askable_types(session, home), now)),
        created_at=now,
        updated_at=now,
    )
    session.add(template)
    session.flush()
    record(session, actor, "filter.create", template, after={"name": template.name, **template.definition})
    return template


def update_filter(
    session: Session, actor: Actor, filter_id: int, name: str, made: Filter, *, description: str = ""
) -> FilterTemplate:
    """Jobs keep the filter they started with."""
    actor.require(Permission.LISTS_EDIT)
    template = get_scoped(session, actor, FilterTemplate, filter_id)
    before = {"name": template.name, **template.definition}
    types = askable_types(session, template.organization_id)
    template.definition = filter_to_json(_checked(made, types, utcnow()))
    if name.strip() != template.name:
        template.name = _free_name(session, template.organization_id, name)
    template.description = description.strip()[:255]
    template.updated_at = utcnow()
    after = {"name": template.name, **template.definition}
    record(session, actor, "filter.update", template, before=before, after=after)
    return template


def delete_filter(session: Session, actor: Actor, filter_id: int) -> None:
    """Refused while a campaign uses it."""
    actor.require(Permission.LISTS_EDIT)
    template = get_scoped(session, actor, FilterTemplate, filter_id)
    used = session.scalar(select(Campaign.name).where(Campaign.filter_id == filter_id).limit(1))
    if used is not None:
        raise Refused(f"the campaign {used!r} uses this filter; give it another first")
    record(session, actor, "filter.delete", template, before={"name": template.name, **template.definition})
    session.delete(template)


def attribute_types(session: Session, organization_id: int) -> dict[str, str]:
    rows = session.execute(
        select(Attribute.name, Attribute.type)
        .where(Attribute.organization_id == organization_id)
        .order_by(Attribute.name)
    )
    return {name: kind for name, kind in rows}


def pinned(session: Session, campaign: Campaign) -> dict[str, Any]:
    """The campaign's filter as a job keeps it; {} for everybody."""
    if campaign.filter_id is None:
        return {}
    template = session.get_one(FilterTemplate, campaign.filter_id)
    contact_list = session.get_one(ContactList, campaign.contact_list_id)
    types = types_of_list(session, contact_list, campaign.organization_id)
    asked = {
        name.removeprefix("attribute.")
        for name in _fields(filter_from_json(template.definition))
        if name.startswith("attribute.")
    }
    return {
        "name": template.name,
        "definition": template.definition,
        "types": {name: kind for name, kind in types.items() if name in asked},
    }


def preview(
    session: Session, actor: Actor, contact_list_id: int, made: Filter, now: datetime, *, whole: bool = False
) -> Preview:
    """Among the list's first `QUICK` contacts, or (`whole`) among all of them."""
    contact_list = visible_list(session, actor, contact_list_id)
    home = actor.organization_id or contact_list.organization_id
    types = types_of_list(session, contact_list, actor.organization_id)
    compiler = Compiler(session.get_bind().dialect.name, types, now, successful_codes(session, home))
    mine = (Contact.contact_list_id == contact_list_id, Contact.deleted_at.is_(None))
    last = None
    if not whole:
        last = session.scalar(select(Contact.id).where(*mine).order_by(Contact.id).offset(QUICK).limit(1))
    among = (*mine, Contact.id < last) if last is not None else mine
    wanted = (*among, compiler.where(_checked(made, types, now)))
    counted = session.scalar(select(func.count()).select_from(Contact).where(*wanted)) or 0
    looked_at = session.scalar(select(func.count()).select_from(Contact).where(*among)) or 0
    found = session.scalars(select(Contact).where(*wanted).order_by(*compiler.order(made)).limit(SHOWN)).all()
    return Preview(counted, looked_at, last is None, tuple(views_of(session, actor, found)))


def _checked(made: Filter, types: Mapping[str, str], now: datetime) -> Filter:
    """The same filter. Raise BadCondition."""
    refuse_unknown(checked(made, types, now))
    return made


def _fields(made: Filter) -> set[str]:
    return {condition.field for condition in made.conditions} | {key.field for key in made.sort}


def _free_name(session: Session, organization_id: int, name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Refused(f"name: give 1 to {_LONGEST_NAME} printable characters")
    taken = select(FilterTemplate.id).where(
        FilterTemplate.organization_id == organization_id, FilterTemplate.name == name
    )
    if session.scalar(taken) is not None:
        raise Refused(f"name: there is a filter named {name!r} already; choose another")
    return name
