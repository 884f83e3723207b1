"""Phone numbers: parsing, normalising, zones, and what is dialled for them."""

from __future__ import annotations

from app.core.phone.dialing import DialingRule, Dialled, NotDialled, TrunkSite, Written, dial
from app.core.phone.numbering import Numbering
from app.core.phone.numbers import BadNumber, NumberReader, PhoneNumber, is_country, parse_number, reader_for
from app.core.phone.types import NumberType

__all__ = [
    "BadNumber",
    "DialingRule",
    "Dialled",
    "NotDialled",
    "NumberReader",
    "NumberType",
    "Numbering",
    "PhoneNumber",
    "TrunkSite",
    "Written",
    "dial",
    "is_country",
    "parse_number",
    "reader_for",
]
