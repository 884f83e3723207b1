"""One masked value shown to who may not see all of them: one at a time, and noted with who, whose and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.models import Address, Attempt, Base, Contact, DncEntry, DncKind
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.audit import record
from app.services.importing.rejects import reveal_reject
from app.services.masked import MASK, masked_attributes
from common.errors import Refused
from common.masking import mask_email, mask_number, mask_personal

_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Revealed:
    value: str
    masked: str


@dataclass(frozen=True, slots=True)
class _Found:
    """`subject` is what the note is about, `name` what of it was shown. `noted` is the masked value in the note, ""
    where more than a number stands in it."""

    revealed: Revealed
    subject: Base
    name: str
    noted: str = ""


def reveal(
    session: Session, actor: Actor, what: str, key: str, reason: str = "", *, must_say: bool = False
) -> Revealed:
    """The value of a row, `must_say` with a reason alone. The note keeps the value masked, or not at all."""
    found = _find(session, actor, what, key)
    reason = reason.strip()[:_LONGEST_REASON]
    if must_say and not reason:
        raise Refused("reason: say why you need to see it")
    after = {"what": found.name, "value": found.noted, "reason": reason, "by": actor.login}
    record(session, actor, "numbers.reveal", found.subject, after=after)
    return found.revealed


def masked(session: Session, actor: Actor, what: str, key: str) -> str:
    """As everybody sees it."""
    return _find(session, actor, what, key).revealed.masked


def _find(session: Session, actor: Actor, what: str, key: str) -> _Found:
    actor.require(Permission.NUMBERS_REVEAL)
    look = PLACES.get(what)
    if look is None:
        raise NotFound(f"{what[:40]}: nothing is revealed of it")
    return look(session, actor, key)


def _address(session: Session, actor: Actor, key: str) -> _Found:
    actor.require(Permission.LISTS_VIEW)
    address = get_scoped(session, actor, Address, _number(key))
    shown = _of_address(address.value)
    return _Found(shown, session.get(Contact, address.contact_id) or address, address.name, shown.masked)


def _attempt(session: Session, actor: Actor, key: str) -> _Found:
    actor.require(Permission.REPORTS_VIEW)
    row_id: Any = key
    attempt = get_scoped(session, actor, Attempt, row_id)
    shown = _of_address(attempt.address)
    return _Found(shown, session.get(Contact, attempt.contact_id) or attempt, "attempt", shown.masked)


def _entry(session: Session, actor: Actor, key: str) -> _Found:
    actor.require(Permission.DNC_VIEW)
    entry = get_scoped(session, actor, DncEntry, _number(key), include_common=True)
    hidden = entry.kind in (DncKind.PHONE, DncKind.EMAIL)
    shown = _of_address(entry.value) if hidden else Revealed(entry.value, entry.value)
    return _Found(shown, entry, "entry", shown.masked)


def _attribute(session: Session, actor: Actor, key: str) -> _Found:
    """`key` is the contact's id, - and the attribute's name. A masked one needs a right of its own."""
    actor.require(Permission.LISTS_VIEW)
    contact_id, _, name = key.partition("-")
    contact = get_scoped(session, actor, Contact, _number(contact_id))
    value = contact.attributes.get(name)
    if value is None:
        raise NotFound(f"contact {contact.id}: has no {name[:64]}")
    text, shown = str(value), mask_personal(str(value))
    if masked_attributes(session, actor, {contact.organization_id}).intersection({(contact.organization_id, name)}):
        actor.require(Permission.ATTRIBUTES_REVEAL)
        shown = MASK
    return _Found(Revealed(text, shown), contact, f"attribute.{name}")


def _reject(session: Session, actor: Actor, key: str) -> _Found:
    """A rejected row; its masked attributes only to who may reveal those."""
    run, line, seen, revealed = reveal_reject(session, actor, _number(key))
    return _Found(Revealed(revealed, seen), run, f"line {line}")


def _of_address(value: str) -> Revealed:
    return Revealed(value, mask_email(value) if "@" in value else mask_number(value))


def _number(key: str) -> int:
    return int(key) if key.isascii() and key.isdigit() else -1


#: By the name that pages call it.
PLACES: Mapping[str, Callable[[Session, Actor, str], _Found]] = {
    "address": _address,
    "attempt": _attempt,
    "attribute": _attribute,
    "entry": _entry,
    "reject": _reject,
}
