"""Bodies of requests and answers, as the description shows them."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Date, Dict, Integer, List, Nested, Raw, String
from apiflask.validators import Length, OneOf, Range
from marshmallow import ValidationError, validates_schema

from app.core.audience import Operator
from app.intake import mapping as mappings
from app.models import DncKind, ImportMode, OnDuplicate
from app.services.contact_push import MOST
from app.services.importing import MOST_REMOVED

_LONGEST = 4000


def _text(words: str = "") -> String:
    return String(validate=Length(max=_LONGEST), metadata={"description": words} if words else {})


class ContactFields(Schema):
    """What is given replaces what is there, "" empties it, everything else stays."""

    first_name = _text()
    last_name = _text()
    language = _text("Such as en or es-US")
    time_zone = _text("An IANA name; empty goes by the phone numbers")
    customer_id = _text("The person's own number, where several contacts are one person")
    phones = Dict(
        keys=String(validate=OneOf([f"phone{number}" for number in range(1, 10)])),
        values=_text("As people write it"),
        metadata={"description": "phone1 to phone9"},
    )
    emails = Dict(
        keys=String(validate=OneOf(["email", *(f"email{number}" for number in range(2, 10))])),
        values=_text(),
        metadata={"description": "email, email2 to email9"},
    )
    attributes = Dict(
        keys=String(validate=Length(max=64)), values=Raw(), metadata={"description": "By the attributes' names"}
    )

    @validates_schema
    def _plain_attributes(self, data: dict[str, Any], **_: Any) -> None:
        for name, value in (data.get("attributes") or {}).items():
            if not isinstance(value, str | int | float | bool | None):
                raise ValidationError({"attributes": {name: ["is neither text, number nor true or false"]}})


class Contact(ContactFields):
    id = String(required=True, validate=Length(1, 120), metadata={"description": "The number in your own system"})


class Contacts(Schema):
    contacts = List(Nested(Contact), required=True, validate=Length(1, MOST))


class FaultOut(Schema):
    pointer = String(metadata={"description": "Where in the request (RFC 6901)"})
    detail = String()


class PushedOut(Schema):
    added = Integer()
    updated = Integer()
    refused = Integer()
    errors = List(Nested(FaultOut))


class AddressOut(Schema):
    name = String()
    kind = String()
    value = String(metadata={"description": "What is dialled or written to"})
    original = String()
    country = String()
    number_type = String(metadata={"description": "mobile, fixed_line, fixed_or_mobile ...; empty: not known"})
    region = String(
        metadata={"description": "Town, state or country by the first digits; empty: not known, or numbers masked"}
    )
    carrier = String(metadata={"description": "Who was given the number's range; empty: not known, or numbers masked"})
    disabled = String(metadata={"description": "Why it is not used any more; empty while it is"})


class ContactOut(Schema):
    id = String()
    first_name = String()
    last_name = String()
    language = String()
    time_zone = String()
    customer_id = String()
    attributes = Dict()
    addresses = List(Nested(AddressOut))


class ListOut(Schema):
    id = Integer()
    name = String()
    home_country = String()
    contacts = Integer()
    owner = String(metadata={"description": "The organization that shares it; empty for the token's own"})


class ListsOut(Schema):
    lists = List(Nested(ListOut))


class Subject(Schema):
    kind = String(required=True, validate=OneOf([kind.value for kind in DncKind]))
    value = String(required=True, validate=Length(1, 254))


class Subjects(Schema):
    entries = List(Nested(Subject), required=True, validate=Length(1, MOST))
    home_country = String(
        load_default="",
        validate=Length(2, 2),
        metadata={"description": "Of numbers without +; the organization's own if left out"},
    )


class Listed(Subjects):
    list_id = Integer(metadata={"description": "The organization's own list if left out"})
    until = Date(metadata={"description": "The last day, where the person is; for ever if left out"})
    proof = String(load_default="", validate=Length(max=255), metadata={"description": "Where the wish came from"})


class TakenOff(Subjects):
    list_id = Integer(metadata={"description": "All of the organization's lists if left out"})


class ListedOut(Schema):
    added = Integer()


class TakenOffOut(Schema):
    removed = Integer()


class Named(Schema):
    kind = String(required=True, validate=OneOf(["id", "phone", "email"]))
    value = String(required=True, validate=Length(1, 254))


class Exclusion(Schema):
    contacts = List(Nested(Named), required=True, validate=Length(1, MOST))
    campaign = String(validate=Length(1, 120), metadata={"description": "All campaigns if left out"})


class Reset(Exclusion):
    contacts = List(
        Nested(Named), validate=Length(1, MOST), metadata={"description": "Everybody of the list if left out"}
    )


class ExclusionOut(Schema):
    changed = Integer(metadata={"description": "Contacts that were not so before"})
    errors = List(Nested(FaultOut))


class ExcludedOut(Schema):
    id = String()
    campaigns = List(String(), metadata={"description": "`all campaigns`, or their names"})


class ExcludedListOut(Schema):
    contacts = List(Nested(ExcludedOut))
    next_after = Integer(metadata={"description": "`after` of the next page; 0 on the last"})


class Page(Schema):
    after = Integer(load_default=0)
    limit = Integer(load_default=100, validate=Range(1, MOST))


class ImportAsk(Schema):
    file_name = String(load_default="upload", validate=Length(1, 255))
    mode = String(load_default="delta", validate=OneOf([mode.value for mode in ImportMode]))
    on_duplicate = String(load_default="update", validate=OneOf([one.value for one in OnDuplicate]))
    most_removed = Integer(load_default=MOST_REMOVED, validate=Range(0, 100))
    campaign = String(validate=Length(1, 120), metadata={"description": "Of a file that excludes or resets"})
    dry_run = Boolean(load_default=False)
    map = List(
        String(validate=Length(2, 300)),
        load_default=list,
        metadata={"description": "COLUMN=TARGET; what is not mapped goes by its name"},
    )
    encoding = String(load_default="auto", validate=Length(max=40))
    delimiter = String(load_default="", validate=Length(max=1))
    member = String(load_default="", validate=Length(max=255), metadata={"description": "File in a zip"})
    sheet = String(load_default="", validate=Length(max=255), metadata={"description": "Of a workbook"})
    heading = Integer(load_default=0, validate=Range(0, 1_000_000))


class RejectOut(Schema):
    line = Integer()
    field = String()
    reason = String()


class ImportOut(Schema):
    id = Integer()
    list_id = Integer()
    file_name = String()
    state = String(metadata={"description": "queued, running, completed, cancelled, failed"})
    detail = String()
    mode = String()
    dry_run = Boolean()
    percent = Integer()
    rows_read = Integer()
    rows_added = Integer()
    rows_updated = Integer()
    rows_unchanged = Integer()
    rows_skipped = Integer()
    rows_rejected = Integer()
    rows_removed = Integer()
    rows_listed = Integer(metadata={"description": "Of people on a do-not-call list"})
    removal = String(metadata={"description": "Of a whole list: held, refused, left, taking, done or undone"})
    found = Dict(metadata={"description": "Of a dry run: repeated, reasons, countries, columns"})
    first_rejects = List(Nested(RejectOut))


class ImportsOut(Schema):
    imports = List(Nested(ImportOut))


class SourceRun(Schema):
    dry_run = Boolean(load_default=False)


class MovedOut(Schema):
    contacts = Integer()


class CheckedOut(Subject):
    listed = Boolean()


class CheckOut(Schema):
    entries = List(Nested(CheckedOut))


class Asked(Schema):
    """A condition, as in the panel's filters."""

    field = String(
        required=True,
        metadata={"description": "id, first_name, attempts, last_completion_code ..., address.NAME or attribute.NAME"},
    )
    operator = String(required=True, validate=OneOf([operator.value for operator in Operator]))
    value = String(load_default="", validate=Length(max=1000))
    days = Integer(load_default=0, metadata={"description": "Of recent_attempts: in how many days"})


class Deletion(Schema):
    """Exactly one of the three says who goes."""

    filter_id = Integer(metadata={"description": "A filter of the panel"})
    conditions = List(Nested(Asked), validate=Length(1, 10), metadata={"description": "All of them hold"})
    everybody = Boolean(validate=OneOf([True]))

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("give one of filter_id, conditions and everybody")


class NewListOut(Schema):
    name = String()
    list_id = Integer()


class ChangeOut(Schema):
    id = Integer()
    kind = String(metadata={"description": "delete or split; put_back or merge where it undoes one of these"})
    state = String(metadata={"description": "queued, running, completed, cancelled or failed"})
    who = String()
    asked_for = Integer()
    done = Integer()
    left = Integer(metadata={"description": "Meant, and left as they were; detail says why"})
    detail = String()
    undo_until = String(allow_none=True, metadata={"format": "date-time"})
    parts = List(Nested(NewListOut), metadata={"description": "Of a split: the new lists"})


def flat(contact: dict[str, Any]) -> dict[str, str]:
    """A contact of a request as fields of an import."""
    fields = {name: contact[name] for name in (mappings.ID, *mappings.FIELDS) if name in contact}
    fields |= contact.get("phones", {}) | contact.get("emails", {})
    for name, value in contact.get("attributes", {}).items():
        # An attribute named like a field would be taken for it; there is none of this name.
        fields[f"attributes.{name}" if mappings.is_field(name) else name] = _word(value)
    return fields


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def pointer(field: str) -> str:
    """Where a field of `flat` stands in its contact."""
    if not field or field in (mappings.ID, *mappings.FIELDS):
        return f"/{field}".rstrip("/")
    address = mappings.ADDRESS.fullmatch(field)
    return f"/{address[1]}s/{field}" if address else f"/attributes/{field.removeprefix('attributes.')}"
