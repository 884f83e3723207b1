"""What plain phonenumbers says of a file's numbers, beside what an import has made of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberType, timezone
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import make_engine
from app.models import Address, Contact, ImportReject

_SIGNS = re.compile(r"\+?[0-9 ().\-/]*")
_REFUSED = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.PAGER, PhoneNumberType.VOICEMAIL)


@dataclass(frozen=True, slots=True)
class Plain:
    e164: str
    country: str
    zones: str


def plainly(text: str) -> Plain | None:
    """What phonenumbers itself says; None for what is not to be dialled."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    if not _SIGNS.fullmatch(text) or not phonenumbers.is_valid_number(number):
        return None
    region = phonenumbers.region_code_for_number(number) or ""
    if phonenumbers.number_type(number) in _REFUSED or region == "001":
        return None
    zones = [zone for zone in timezone.time_zones_for_number(number) if zone != "Etc/Unknown"]
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Plain(e164, region, ",".join(zones))


def expected(path: Path) -> tuple[dict[str, int], set[int]]:
    """By external id what the database shall hold of the phones (hashed), and the lines that shall be refused."""
    found, refused = dict[str, int](), set[int]()
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            phones = {name: plainly(row[name]) for name in ("phone1", "phone2") if row[name]}
            if None in phones.values():
                refused.add(line)
            else:
                found[row["id"]] = _digest((name, p.e164, p.country, p.zones) for name, p in phones.items() if p)
    return found, refused


def _digest(phones: Iterable[tuple[str, str, str, str]]) -> int:
    return hash(tuple(sorted(phones)))


def differences(url: str, wanted: tuple[dict[str, int], set[int]]) -> int:
    """Contacts and refused lines in which the database differs from plain phonenumbers."""
    people, refused = wanted
    wrong = seen = 0
    columns = (Address.name, Address.value, Address.country, Address.time_zones)
    with Session(make_engine(url)) as session:
        rows = session.execute(
            select(Contact.external_id, *columns)
            .join(Address, Address.contact_id == Contact.id)
            .where(Address.kind == "phone")
            .order_by(Contact.id)
            .execution_options(yield_per=10_000)
        )
        for external_id, phones in groupby(rows, key=lambda row: row[0]):
            seen += 1
            wrong += people.get(external_id) != _digest(tuple(phone[1:]) for phone in phones)
        lines = set(session.scalars(select(ImportReject.line).execution_options(yield_per=10_000)))
    return wrong + abs(len(people) - seen) + len(lines ^ refused)
