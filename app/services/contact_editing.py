"""Change a contact by hand: typed values, several addresses in order, and a history of who changed what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core.phone import PhoneNumber
from app.intake import rows
from app.intake.mapping import ADDRESS, FIELDS
from app.models import Address, AddressKind, Attribute, AttributeType, Contact, ContactChange, ContactList, ImportRun
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from app.services.masked import MASK, masked_attributes
from app.services.numbering import read_numbering
from app.services.sharing import is_foreign, visible_contact
from common.clock import utcnow
from common.errors import Refused

_SIP = re.compile(r"sips?:[A-Za-z0-9.!~*'()_+%-]{1,64}@[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_MOST_ADDRESSES = 9
#: Reads what somebody typed, by the organization's rules.
Number = Callable[[str], PhoneNumber]
_LONGEST = 1000


class BadContact(Refused):
    """Fields that cannot be taken, each with the mend: by field, `attribute.NAME` or `address.PLACE`."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field} {error}" for field, error in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class EditedAddress:
    """`name` is that of an address, "" for a new one with the first free name; an empty `text` takes it away."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person typed. What is not in `fields` or `attributes` stays; `addresses` are all, in their order."""

    fields: Mapping[str, str]
    attributes: Mapping[str, str]
    addresses: Sequence[EditedAddress]


def editable(session: Session, actor: Actor, contact: Contact) -> list[Attribute]:
    """Attributes that the actor may set: a masked one only with the right to see it, SIP only for administrators, and
    no private one of another organization."""
    defined = session.scalars(
        select(Attribute).where(Attribute.organization_id == contact.organization_id).order_by(Attribute.name)
    )
    return [
        attribute
        for attribute in defined
        if not (attribute.private and is_foreign(actor, contact))
        and (not attribute.masked or actor.may(Permission.ATTRIBUTES_UNMASK))
        and (attribute.type != AttributeType.SIP or actor.may(Permission.SETTINGS_MANAGE))
    ]


def edit_contact(session: Session, actor: Actor, contact_id: int, edit: Edit) -> int:
    """How many fields were changed. Raise BadContact with all that is wrong; nothing is changed then."""
    contact = visible_contact(session, actor, contact_id, edit=True)
    country = session.get_one(ContactList, contact.contact_list_id).home_country
    numbering, now = read_numbering(session, contact.organization_id), utcnow()

    def number(text: str) -> PhoneNumber:
        return numbering.read(text, country, now)

    attributes = {attribute.name: attribute for attribute in editable(session, actor, contact)}
    errors: dict[str, str] = {}
    fields = {
        name: _tried(errors, name, rows.text_of, name, edit.fields[name]) for name in FIELDS if name in edit.fields
    }
    values = {
        name: _tried(errors, f"attribute.{name}", _value, attributes[name].type, text.strip(), number)
        for name, text in edit.attributes.items()
        # What nobody touched stays, though its attribute has got another type since.
        if name in attributes and text.strip() != _text(contact.attributes.get(name))
    }
    addresses = [
        (each, _tried(errors, f"address.{place}", _address, each, number))
        for place, each in enumerate(edit.addresses)
        if each.text.strip()
    ]
    if len(addresses) > _MOST_ADDRESSES:
        errors["address"] = f"{_MOST_ADDRESSES} addresses at most"
    if errors:
        raise BadContact(errors)
    changes = [*_set_fields(contact, fields), *_set_attributes(contact, values, attributes)]
    changes += _set_addresses(session, contact, addresses)
    if changes:
        contact.updated_at = now
        _note(session, actor, contact, changes, now)
        record(session, actor, "contact.update", contact, after={"fields": [field for field, _, _ in changes]})
    return len(changes)


def history(session: Session, actor: Actor, contact_id: int, limit: int = 100) -> list[ContactChange]:
    """Newest first; values of attributes that are masked now, for those who may not see them, are masked here too."""
    actor.require(Permission.LISTS_VIEW)
    contact = get_scoped(session, actor, Contact, contact_id)
    mine = select(ContactChange).where(ContactChange.contact_id == contact.id)
    found = session.scalars(mine.order_by(ContactChange.id.desc()).limit(limit)).all()
    return _as_shown(session, actor, contact.organization_id, found)


def changes_of_run(
    session: Session, actor: Actor, run_id: int, *, after_id: int = 0, limit: int = 100
) -> list[tuple[ContactChange, str]]:
    """What an import changed, in its order, each with the contact's external id; `after_id` turns the page."""
    actor.require(Permission.LISTS_VIEW)
    run = get_scoped(session, actor, ImportRun, run_id)
    wanted = (
        select(ContactChange, Contact.external_id)
        .join(Contact, Contact.id == ContactChange.contact_id)
        .where(ContactChange.import_run_id == run.id, ContactChange.id > after_id)
        .order_by(ContactChange.id)
        .limit(limit)
    )
    rows = [(change, external_id) for change, external_id in session.execute(wanted)]
    shown = _as_shown(session, actor, run.organization_id, [change for change, _ in rows])
    return list(zip(shown, (external_id for _, external_id in rows), strict=True))


def _as_shown(
    session: Session, actor: Actor, organization_id: int, found: Sequence[ContactChange]
) -> list[ContactChange]:
    masked = {name for _, name in masked_attributes(session, actor, {organization_id})}
    if not masked:
        return list(found)
    session.expunge_all()
    for change in found:
        if change.field in masked:
            change.old, change.new = (MASK if value else "" for value in (change.old, change.new))
    return list(found)


def _tried(errors: dict[str, str], field: str, read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except Refused as error:
        errors[field] = str(error)
        return None


def _value(kind: str, text: str, number: Number) -> Any:
    if not text:
        return None
    if kind == AttributeType.PHONE:
        return number(text).e164
    if kind == AttributeType.SIP:
        if not _SIP.fullmatch(text):
            raise Refused("is not a SIP address; write it such as sip:desk@pbx.example.com")
        return text
    return rows.convert(AttributeType(kind), text)


def _address(each: EditedAddress, read: Number) -> dict[str, Any]:
    text = each.text.strip()
    if each.kind == AddressKind.EMAIL:
        return {"value": rows.email(text), "original": text[:254], "country": "", "time_zones": "", "number_type": ""}
    number = read(text)
    zones = ",".join(number.time_zones)
    return {
        "value": number.e164,
        "original": text[:254],
        "country": number.country,
        "time_zones": zones,
        "number_type": number.type,
    }


Changes = list[tuple[str, str, str]]


def _set_fields(contact: Contact, fields: Mapping[str, str]) -> Changes:
    changed = [
        (name, getattr(contact, name), value) for name, value in fields.items() if getattr(contact, name) != value
    ]
    for name, _, value in changed:
        setattr(contact, name, value)
    return changed


def _set_attributes(contact: Contact, values: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> Changes:
    before = contact.attributes
    changed = {name: value for name, value in values.items() if before.get(name) != value}
    if changed:
        contact.attributes = {**before, **changed}
    return [(name, *_shown(attributes[name], before.get(name), value)) for name, value in changed.items()]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _shown(attribute: Attribute, *values: Any) -> Any:
    texts = [_text(value) for value in values]
    return [MASK if text and attribute.private else text for text in texts]


def _set_addresses(
    session: Session, contact: Contact, wanted: Sequence[tuple[EditedAddress, Mapping[str, Any]]]
) -> Changes:
    there = {row.name: row for row in session.scalars(select(Address).where(Address.contact_id == contact.id))}
    kept = {each.name for each, _ in wanted if each.name in there}
    changes: Changes = []
    for name in sorted(set(there) - kept):
        changes.append((name, there[name].value, ""))
        session.delete(there[name])
    # Rows taken away must be gone before another may take their name.
    session.flush()
    taken = set(kept)
    places = _places(there.values(), [each.name for each, _ in wanted])
    for position, (each, values) in zip(places, wanted, strict=True):
        row = there.get(each.name)
        if row is None:
            # One of that name is gone meanwhile, or comes back.
            name = (
                each.name if ADDRESS.fullmatch(each.name) and each.name not in taken else _free_name(each.kind, taken)
            )
            taken.add(name)
            session.add(
                Address(
                    organization_id=contact.organization_id, contact_id=contact.id, kind=each.kind, name=name,
                    position=position, disabled_code="", **values,
                )
            )  # fmt: skip
            changes.append((name, "", values["value"]))
            continue
        if row.value != values["value"]:
            changes.append((row.name, row.value, values["value"]))
            # A new number starts usable.
            row.disabled_code = ""
            for column, value in values.items():
                setattr(row, column, value)
        if row.position != position:
            changes.append((f"{row.name}: order", str(row.position), str(position)))
            row.position = position
    return changes


def in_order(rows: Iterable[Address]) -> list[Address]:
    """As pages show them; files give phones and emails the same positions."""
    phones_first = sorted(rows, key=lambda row: (row.kind != AddressKind.PHONE, row.position, row.id))
    return sorted(phones_first, key=lambda row: row.position)


def _places(there: Iterable[Address], names: Sequence[str]) -> list[int]:
    """The position of each name, in the order in which they are wanted: where that is the order in which the addresses
    stand, with none between them, they keep theirs, and what nobody moved is no change."""
    positions = {row.name: row.position for row in in_order(there) if row.name in names}
    known = list(positions)
    if list(names[: len(known)]) != known:
        return list(range(1, len(names) + 1))
    last = max(positions.values(), default=0)
    return [*positions.values(), *range(last + 1, last + 1 + len(names) - len(known))]


def _free_name(kind: str, taken: set[str]) -> str:
    names = (
        [f"phone{n}" for n in range(1, 10)]
        if kind == AddressKind.PHONE
        else ["email", *(f"email{n}" for n in range(2, 10))]
    )
    return next(name for name in names if name not in taken)


def _note(session: Session, actor: Actor, contact: Contact, changes: Changes, now: datetime) -> None:
    session.execute(
        insert(ContactChange),
        [
            {
                "organization_id": contact.organization_id,
                "contact_id": contact.id,
                "at": now,
                "user_id": actor.user_id,
                "field": field[:120],
                "old": old[:_LONGEST],
                "new": new[:_LONGEST],
            }
            for field, old, new in changes
        ],
    )
