"""The attributes that an organization's contacts have beside the predefined ones: flags, use, deletion."""

from __future__ import annotations

import json

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Attribute, Contact, FilterTemplate
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from common.errors import Refused

FLAGS = ("read_only", "masked", "private")


def get_attribute(session: Session, actor: Actor, attribute_id: int) -> Attribute:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, Attribute, attribute_id)


def update_attribute(
    session: Session, actor: Actor, attribute_id: int, *, read_only: bool, masked: bool, private: bool
) -> Attribute:
    """The flags alone: the name and the type decide what contacts hold already. Nobody takes away a mask through
    which they may not look."""
    actor.require(Permission.LISTS_EDIT)
    attribute = get_scoped(session, actor, Attribute, attribute_id)
    if attribute.masked and not masked:
        actor.require(Permission.ATTRIBUTES_UNMASK)
    before = {name: getattr(attribute, name) for name in FLAGS}
    attribute.read_only, attribute.masked, attribute.private = read_only, masked, private
    after = {name: getattr(attribute, name) for name in FLAGS}
    record(session, actor, "attribute.update", attribute, before=before, after=after)
    return attribute


def attribute_use(session: Session, actor: Actor, attribute_id: int) -> str:
    """Why it cannot be deleted, in words; "" for one that nothing uses. A look through contacts, in the worst case."""
    attribute = get_attribute(session, actor, attribute_id)
    templates = session.scalars(
        select(FilterTemplate).where(FilterTemplate.organization_id == attribute.organization_id)
    )
    named = json.dumps(f"attribute.{attribute.name}")
    used = next((row.name for row in templates if named in json.dumps(row.definition)), None)
    if used is not None:
        return f"the filter {used!r} asks for it"
    if session.get_bind().dialect.name == "sqlite":
        value = func.json_extract(Contact.attributes, f'$."{attribute.name}"')
    else:
        value = func.jsonb_extract_path_text(Contact.attributes, attribute.name)
    filled = select(Contact.id).where(Contact.organization_id == attribute.organization_id, value.is_not(None))
    return "contacts have values in it" if session.scalar(filled.limit(1)) is not None else ""


def delete_attribute(session: Session, actor: Actor, attribute_id: int) -> None:
    """Refused while it is used: without its definition a masked value would be one that everybody sees."""
    actor.require(Permission.LISTS_EDIT)
    attribute = get_scoped(session, actor, Attribute, attribute_id)
    why = attribute_use(session, actor, attribute_id)
    if why:
        raise Refused(f"{attribute.name} stays: {why}")
    record(session, actor, "attribute.delete", attribute, before={"name": attribute.name, "type": attribute.type})
    session.delete(attribute)
