"""What each column of a file becomes: a field of the contact, one of its addresses, or an attribute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from common.errors import Refused

IGNORED = ""
ID = "id"
FIELDS = ("first_name", "last_name", "language", "time_zone", "customer_id")
ADDRESS = re.compile(r"(phone|email)([1-9]?)")
ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,63}")
#: Names that a call's values carry already.
RESERVED = frozenset({"attempt_id", "contact_id", "campaign", "result_url", "payment_url"})

_KNOWN = {
    ID: (
        "id",
        "external_id",
        "contact_id",
        "customer_id",
        "user_contact_id",
        "customer_number",
        "customer_no",
        "account_id",
        "account_number",
        "account_no",
    ),
    "first_name": ("first_name", "firstname", "first", "given_name", "forename"),
    "last_name": ("last_name", "lastname", "last", "surname", "family_name"),
    "language": ("language", "lang", "locale"),
    "time_zone": ("time_zone", "timezone", "tz", "zone"),
}
#: What an export says of numbers: it is told by their digits, so nobody need keep it.
_TOLD = re.compile(r"phone[1-9]?_(?:region|carrier)")
_PHONES = re.compile(
    r"(?:home_|work_|mobile_|cell_|day_|evening_)?(?:phone|mobile|cell|telephone|tel)(?:_?number)?_?\d?"
)
_EMAILS = re.compile(r"(?:e_?mail|mail)(?:_?address)?_?\d?")


def suggest(columns: Sequence[str]) -> dict[str, str]:
    """Column to target, from the columns' names; each target is given once, the rest become attributes."""
    taken: set[str] = set()
    mapping: dict[str, str] = {}
    for target, names in _KNOWN.items():
        for name in names:
            column = next((column for column in columns if _slug(column) == name), None)
            if column is not None and target not in taken:
                mapping[column] = target
                taken.add(target)
    for column in columns:
        if column not in mapping:
            target = _address_target(_slug(column), taken) or _slug(column)
            usable = ATTRIBUTE.fullmatch(target) and target not in taken and target not in RESERVED
            usable = usable and not _TOLD.fullmatch(target)
            mapping[column] = target if usable else IGNORED
            taken.add(mapping[column])
    return {column: mapping[column] for column in columns}


def check(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The mapping for exactly these columns. Raise Refused naming the column and the mend."""
    checked = _checked(columns, mapping)
    if ID not in checked.values():
        raise Refused(
            f"mapping: no column is the id, which tells contacts apart; the file has {', '.join(columns)}. "
            "If these are not the names of columns, the first line is missing or the file is not CSV"
        )
    if not addresses(checked):
        raise Refused("mapping: no column is a phone or an email; say which one is phone1 or email")
    return checked


def check_naming(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The same of a file that names contacts: by id, phone or email; its other columns are left out."""
    checked = _checked(columns, mapping)
    naming = {
        column: target if target == ID or ADDRESS.fullmatch(target) else IGNORED for column, target in checked.items()
    }
    if not any(naming.values()):
        raise Refused(f"mapping: no column is an id, a phone or an email; the file has {', '.join(columns)}")
    return naming


def _checked(columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    for column in mapping:
        if column not in columns:
            raise Refused(f"mapping: the file has no column {column!r}; it has {', '.join(columns)}")
    checked = {column: mapping.get(column, IGNORED) for column in columns}
    seen: dict[str, str] = {}
    for column, target in checked.items():
        if target == IGNORED:
            continue
        if target in seen:
            raise Refused(f"mapping: {seen[target]!r} and {column!r} are both {target}; leave one out")
        if target in RESERVED or not (is_field(target) or ATTRIBUTE.fullmatch(target)):
            raise Refused(
                f"mapping: {column!r} cannot be {target!r}; use a field, phone1 to phone9, email, or an attribute's "
                "name of small letters, digits and _"
            )
        seen[target] = column
    return checked


def is_field(target: str) -> bool:
    return target == ID or target in FIELDS or ADDRESS.fullmatch(target) is not None


def is_attribute(target: str) -> bool:
    return target != IGNORED and not is_field(target)


def addresses(mapping: Mapping[str, str]) -> list[str]:
    return [target for target in mapping.values() if ADDRESS.fullmatch(target)]


def attributes(mapping: Mapping[str, str]) -> list[str]:
    return [target for target in mapping.values() if is_attribute(target)]


def _address_target(slug: str, taken: set[str]) -> str | None:
    if _PHONES.fullmatch(slug):
        names = [f"phone{number}" for number in range(1, 10)]
    elif _EMAILS.fullmatch(slug):
        names = ["email", *(f"email{number}" for number in range(2, 10))]
    else:
        return None
    wanted = slug if slug in names else None
    return wanted if wanted and wanted not in taken else next((name for name in names if name not in taken), None)


def _slug(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")
