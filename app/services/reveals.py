"""One masked number or email shown to who may not see all of them: one at a time, and noted with who, whose and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.models import Address, Attempt, Base, Contact, DncEntry, DncKind
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.audit import record
from common.errors import Refused
from common.masking import mask_email, mask_number

_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Revealed:
    value: str
    masked: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: its table's column, and who may look at that table at all."""

    model: type[Base]
    column: str
    needs: Permission


#: By the name that pages call it.
PLACES: Mapping[str, _Place] = {
    "address": _Place(Address, "value", Permission.LISTS_VIEW),
    "attempt": _Place(Attempt, "address", Permission.REPORTS_VIEW),
    "entry": _Place(DncEntry, "value", Permission.DNC_VIEW),
}


def reveal(
    session: Session, actor: Actor, what: str, key: str, reason: str = "", *, must_say: bool = False
) -> Revealed:
    """The value of a row, `must_say` with a reason alone. The note keeps the value masked."""
    row, place = _row(session, actor, what, key)
    reason = reason.strip()[:_LONGEST_REASON]
    if must_say and not reason:
        raise Refused("reason: say why you need to see it")
    found = _revealed(row, place)
    contact = session.get(Contact, row.contact_id) if isinstance(row, Address | Attempt) else None
    name = row.name if isinstance(row, Address) else what
    after = {"what": name, "value": found.masked, "reason": reason, "by": actor.login}
    record(session, actor, "numbers.reveal", contact or row, after=after)
    return found


def masked(session: Session, actor: Actor, what: str, key: str) -> str:
    """As everybody sees it."""
    return _revealed(*_row(session, actor, what, key)).masked


def _row(session: Session, actor: Actor, what: str, key: str) -> tuple[Base, _Place]:
    actor.require(Permission.NUMBERS_REVEAL)
    place = PLACES.get(what)
    if place is None:
        raise NotFound(f"{what[:40]}: nothing is revealed of it")
    actor.require(place.needs)
    row_id: Any = key if place.model is Attempt else int(key) if key.isascii() and key.isdigit() else -1
    return get_scoped(session, actor, place.model, row_id, include_common=place.model is DncEntry), place


def _revealed(row: Base, place: _Place) -> Revealed:
    value = str(getattr(row, place.column))
    if isinstance(row, DncEntry) and row.kind not in (DncKind.PHONE, DncKind.EMAIL):
        return Revealed(value, value)
    return Revealed(value, mask_email(value) if "@" in value else mask_number(value))
