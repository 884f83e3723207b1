"""Undo of a deletion: the row is put back as it was, under its old id.

For what nothing refers to once it may be deleted, and for contacts with their addresses; what takes more rows with it
(lists) stays gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from app.models import (
    Address,
    AllowedHost,
    Attribute,
    CallingWindow,
    CompletionCode,
    Contact,
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
#: Rows that go with a row and come back with it.
_WITH: Mapping[type[Base], tuple[type[Base], InstrumentedAttribute[int]]] = {Contact: (Address, Address.contact_id)}


def keep(session: Session, actor: Actor, model: type[Base], row_id: int) -> dict[str, Any]:
    """The row in plain values, to be asked for before it is deleted. It may hold secrets and personal data."""
    actor.require(_NEEDED[model])
    row = get_scoped(session, actor, model, row_id, include_common=True)
    kept: dict[str, Any] = {"table": model.__tablename__, "row": _values(row)}
    if model in _WITH:
        other, key = _WITH[model]
        kept["with"] = [_values(found) for found in session.scalars(select(other).where(key == row_id))]
    return kept


def put_back(session: Session, actor: Actor, kept: Mapping[str, Any]) -> None:
    """Refused where something else has taken the row's place since."""
    model = _MODELS[kept["table"]]
    actor.require(_NEEDED[model])
    actor.require_organization(kept["row"]["organization_id"])
    row, others = kept["row"], kept.get("with", ())
    if model is Contact:
        named = [(each["kind"], each["value"]) for each in others]
        contact_undo.refuse_erased(session, [*named, ("customer_id", row["customer_id"])])
        if session.get(Contact, row["id"]) is not None:
            contact_undo.restore(session, actor, row["id"])
            return
    words = str(kept["table"]).replace("_", " ")
    try:
        with session.begin_nested():
            session.execute(insert(model).values(_given(model, row)))
            if others:
                other, _ = _WITH[model]
                session.execute(insert(other), [_given(other, each) for each in others])
    except IntegrityError as error:
        raise Refused(
            f"the {words} cannot be put back: another one has taken its place, or its owner is gone"
        ) from error
    record(session, actor, f"{kept['table']}.restore", session.get_one(model, row["id"]))


def _values(row: Base) -> dict[str, Any]:
    return {column.name: _plain(getattr(row, column.name)) for column in row.__table__.columns}


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
