"""Phone numbers: parsing, normalising, zones."""

from __future__ import annotations

from app.core.phone.numbers import BadNumber, NumberReader, PhoneNumber, is_country, parse_number, reader_for

__all__ = ["BadNumber", "NumberReader", "PhoneNumber", "is_country", "parse_number", "reader_for"]
