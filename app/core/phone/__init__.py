"""Phone numbers: parsing, normalising, zones, and what is dialled for them."""

from __future__ import annotations

from app.core.phone.dialing import DialingRule, Dialled, NotDialled, TrunkSite, Written, dial
from app.core.phone.formats import SEPARATORS, CountryFormat, Formats, check_lengths, check_local, lengths_text
from app.core.phone.memory import recall, remembered
from app.core.phone.numbering import PLAIN, Numbering, OpenedRange, RejectedNumber
from app.core.phone.numbers import (
    BadNumber,
    NeverDialled,
    NumberReader,
    NumberRefused,
    PhoneNumber,
    is_country,
    known_number,
    parse_number,
    reader_for,
)
from app.core.phone.origin import Origin, origin_of
from app.core.phone.region_table import BrokenTable, RegionTable
from app.core.phone.rejects import RejectPattern, RejectPatterns, check_pattern
from app.core.phone.types import NumberType

__all__ = [
    "PLAIN",
    "SEPARATORS",
    "BadNumber",
    "BrokenTable",
    "CountryFormat",
    "DialingRule",
    "Dialled",
    "Formats",
    "NeverDialled",
    "NotDialled",
    "NumberReader",
    "NumberRefused",
    "NumberType",
    "Numbering",
    "OpenedRange",
    "Origin",
    "PhoneNumber",
    "RegionTable",
    "RejectPattern",
    "RejectPatterns",
    "RejectedNumber",
    "TrunkSite",
    "Written",
    "check_lengths",
    "check_local",
    "check_pattern",
    "dial",
    "is_country",
    "known_number",
    "lengths_text",
    "origin_of",
    "parse_number",
    "reader_for",
    "recall",
    "remembered",
]
