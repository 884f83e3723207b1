"""Undo of a deletion: the row is put back as it was, under its old id.

For what nothing refers to once it may be deleted, and for contacts with their addresses and exclusions; what takes
more rows with it (lists) stays gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, insert, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from app.models import (
    Address,
    AllowedHost,
    Attribute,
    CallingWindow,
    Campaign,
    CompletionCode,
    Contact,
    ContactExclusion,
    DialingRuleRow,
    DncEntry,
    FilterTemplate,
    GuardTime,
    HolidayRow,
    NumberFormatRow,
    RejectPatternRow,
    Trunk,
    ZoneRuleRow,
)
from app.models.base import Base, UtcDateTime
from app.security.access import Actor, Permission, get_scoped
from app.services import contact_undo
from app.services.audit import record
from common.errors import Refused

_NEEDED: Mapping[type[Base], Permission] = {
    AllowedHost: Permission.SETTINGS_MANAGE,
    Attribute: Permission.LISTS_EDIT,
    CallingWindow: Permission.SETTINGS_MANAGE,
    CompletionCode: Permission.STRATEGIES_EDIT,
    Contact: Permission.LISTS_EDIT,
    DialingRuleRow: Permission.SETTINGS_MANAGE,
    DncEntry: Permission.DNC_EDIT,
    FilterTemplate: Permission.LISTS_EDIT,
    GuardTime: Permission.SETTINGS_MANAGE,
    HolidayRow: Permission.SETTINGS_MANAGE,
    NumberFormatRow: Permission.SETTINGS_MANAGE,
    RejectPatternRow: Permission.SETTINGS_MANAGE,
    Trunk: Permission.SETTINGS_MANAGE,
    ZoneRuleRow: Permission.SETTINGS_MANAGE,
}
_MODELS = {model.__tablename__: model for model in _NEEDED}
#: Rows that go with a row and come back with it, under new ids: SQLite gives the old ones again.
_WITH: Mapping[type[Base], Mapping[type[Base], InstrumentedAttribute[int]]] = {
    Contact: {Address: Address.contact_id, ContactExclusion: ContactExclusion.contact_id}
}


def keep(session: Session, actor: Actor, model: type[Base], row_id: int) -> dict[str, Any]:
    """The row in plain values, to be asked for before it is deleted. It may hold secrets and personal data."""
    actor.require(_NEEDED[model])
    row = get_scoped(session, actor, model, row_id, include_common=True)
    kept: dict[str, Any] = {"table": model.__tablename__, "row": _values(row)}
    for other, key in _WITH.get(model, {}).items():
        found = session.scalars(select(other).where(key == row_id).order_by(other.__table__.c.id))
        kept[other.__tablename__] = [_values(each, but="id") for each in found]
    return kept


def put_back(session: Session, actor: Actor, kept: Mapping[str, Any]) -> None:
    """Refused where something else has taken the row's place since."""
    model = _MODELS[kept["table"]]
    actor.require(_NEEDED[model])
    actor.require_organization(kept["row"]["organization_id"])
    row = kept["row"]
    if model is DncEntry:
        contact_undo.refuse_erased(session, row["organization_id"], [(row["kind"], row["value"])])
    if model is Contact:
        named = [(each["kind"], each["value"]) for each in kept[Address.__tablename__]]
        contact_undo.refuse_erased(session, row["organization_id"], [*named, ("customer_id", row["customer_id"])])
        if _is_there(session, row):
            contact_undo.restore(session, actor, row["id"])
            return
    words = str(kept["table"]).replace("_", " ")
    try:
        with session.begin_nested():
            values = _given(model, row)
            if model is DncEntry and session.get(model, row["id"]) is not None:
                # SQLite has given its id again. Nothing refers to it, and a list has nobody twice.
                del values["id"]
            back = session.execute(insert(model).values(values).returning(inspect(model).primary_key[0])).scalar_one()
            for other in _WITH.get(model, {}):
                for each in kept[other.__tablename__]:
                    if _has_campaign(session, each):
                        session.execute(insert(other).values(_given(other, each)))
    except IntegrityError as error:
        raise Refused(
            f"the {words} cannot be put back: another one has taken its place, or its owner is gone"
        ) from error
    record(session, actor, f"{kept['table']}.restore", session.get_one(model, back))


def _is_there(session: Session, row: Mapping[str, Any]) -> bool:
    """The contact was marked only. Refused where its id is somebody else's by now, which SQLite gives again, or its own
    from a later import: neither is what was deleted."""
    there = session.get(Contact, row["id"])
    if there is None:
        return False
    same = all(_plain(getattr(there, name)) == row[name] for name in ("external_id", "created_at"))
    if there.contact_list_id == row["contact_list_id"] and (same or there.erased_at is not None):
        return True
    raise Refused(
        "the contact cannot be put back: another one has taken its place since, or it has come into a list anew"
    )


def _has_campaign(session: Session, row: Mapping[str, Any]) -> bool:
    """An exclusion from a campaign that is gone since says nothing any more."""
    return row.get("campaign_id") is None or session.get(Campaign, row["campaign_id"]) is not None


def _values(row: Base, but: str = "") -> dict[str, Any]:
    return {column.name: _plain(getattr(row, column.name)) for column in row.__table__.columns if column.name != but}


def _given(model: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    columns = model.__table__.columns
    return {name: _typed(columns[name].type, value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _typed(kind: TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
