"""Undo of a deletion: the row is put back as it was, under its old id.

Only for what nothing refers to once it may be deleted; what takes other rows with it (lists, contacts) stays gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from app.models import (
    AllowedHost,
    Attribute,
    CallingWindow,
    CompletionCode,
    DialingRuleRow,
    DncEntry,
    FilterTemplate,
    GuardTime,
    HolidayRow,
    Trunk,
    ZoneRuleRow,
)
from app.models.base import Base, UtcDateTime
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from common.errors import Refused

_NEEDED: Mapping[type[Base], Permission] = {
    AllowedHost: Permission.SETTINGS_MANAGE,
    Attribute: Permission.LISTS_EDIT,
    CallingWindow: Permission.SETTINGS_MANAGE,
    CompletionCode: Permission.STRATEGIES_EDIT,
    DialingRuleRow: Permission.SETTINGS_MANAGE,
    DncEntry: Permission.DNC_EDIT,
    FilterTemplate: Permission.LISTS_EDIT,
    GuardTime: Permission.SETTINGS_MANAGE,
    HolidayRow: Permission.SETTINGS_MANAGE,
    Trunk: Permission.SETTINGS_MANAGE,
    ZoneRuleRow: Permission.SETTINGS_MANAGE,
}
_MODELS = {model.__tablename__: model for model in _NEEDED}


def keep(session: Session, actor: Actor, model: type[Base], row_id: int) -> dict[str, Any]:
    """The row in plain values, to be asked for before it is deleted. It may hold secrets and personal data."""
    actor.require(_NEEDED[model])
    row = get_scoped(session, actor, model, row_id, include_common=True)
    columns = model.__table__.columns
    return {"table": model.__tablename__, "row": {column.name: _plain(getattr(row, column.name)) for column in columns}}


def put_back(session: Session, actor: Actor, kept: Mapping[str, Any]) -> None:
    """Refused where something else has taken the row's place since."""
    model = _MODELS[kept["table"]]
    actor.require(_NEEDED[model])
    actor.require_organization(kept["row"]["organization_id"])
    columns = model.__table__.columns
    values = {name: _typed(columns[name].type, value) for name, value in kept["row"].items()}
    words = str(kept["table"]).replace("_", " ")
    try:
        with session.begin_nested():
            session.execute(insert(model).values(values))
    except IntegrityError as error:
        raise Refused(
            f"the {words} cannot be put back: another one has taken its place, or its owner is gone"
        ) from error
    record(session, actor, f"{kept['table']}.restore", session.get_one(model, values["id"]))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _typed(kind: TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
