"""Phone numbers: parsing, normalising, zones."""

from __future__ import annotations

from app.core.phone.numbers import BadNumber, PhoneNumber, is_country, parse_number

__all__ = ["BadNumber", "PhoneNumber", "is_country", "parse_number"]
