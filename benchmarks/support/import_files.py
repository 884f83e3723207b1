"""Files as people send them for imports: ten columns, ten countries, some dirty rows, some ids twice."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberType

COLUMNS = ("id", "first_name", "last_name", "phone1", "phone2", "email", "time_zone", "balance", "due", "zip")
COUNTRIES = ("US", "GB", "DE", "FR", "CA", "AU", "ES", "IT", "NL", "SE")
_DIRTY = ("12345", "+1 555 12", "no number", "+999 123 4567", "2,02556E+11", "911")


def make_file(path: Path, rows: int) -> None:
    chance = random.Random(1)
    examples = {code: _national(code) for code in COUNTRIES}
    areas = [code for code in range(201, 990) if phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}2345678"))]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            country = "US" if chance.random() < 0.6 else chance.choice(COUNTRIES[1:])
            phone = _phone(country, examples[country], areas, chance)
            if chance.random() < 0.03:
                phone = chance.choice(_DIRTY)
            second = _phone(country, examples[country], areas, chance) if chance.random() < 0.3 else ""
            writer.writerow(
                (
                    f"A{number - (number % 100 == 99) * 7:08d}", f"First{number % 5000}", f"Last{number % 9000}", phone,
                    second, f"person{number}@example.org", "", f"{number % 4000}.50", "2026-03-31",
                    f"{10001 + number % 80000}",
                )
            )  # fmt: skip


def _national(country: str) -> tuple[str, ...]:
    """A mobile number and one of a place."""
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    examples = (phonenumbers.example_number_for_type(country, kind) for kind in kinds)
    return tuple(str(phonenumbers.national_significant_number(example)) for example in examples if example)


def _phone(country: str, examples: tuple[str, ...], areas: list[int], chance: random.Random) -> str:
    if country == "US":
        exchange, line = chance.randint(200, 999), chance.randint(0, 9999)
        return f"({chance.choice(areas)}) {exchange}-{line:04d}"
    code = phonenumbers.country_code_for_region(country)
    return f"+{code} {chance.choice(examples)[:-6]}{chance.randint(0, 999_999):06d}"
