from __future__ import annotations

from typing import Any

import pytest

from app.intake.reading import Record
from app.intake.rows import PreparedContact, Preparer, Reject
from app.models import AttributeType

COLUMNS = ["ID", "First", "Zone", "Language", "Phone", "Phone 2", "Mail", "Extra"]
TARGETS = ["id", "first_name", "time_zone", "language", "phone1", "phone2", "email", "extra"]


def prepare(kind: str = "string", **cells: str) -> PreparedContact | Reject:
    preparer = Preparer(COLUMNS, dict(zip(COLUMNS, TARGETS, strict=True)), {"extra": kind}, "US")
    row = {"id": "A1", "phone1": "(202) 555-0100"} | cells
    return preparer.prepare(Record(5, [row.get(target, "") for target in TARGETS], "the row"))


def test_normalises_addresses_and_keeps_them_as_they_came() -> None:
    contact = prepare(email=" Anna@Example.ORG ", phone2="+44 20 7946 0958", language="en_US", time_zone="Asia/Tokyo")
    assert isinstance(contact, PreparedContact)
    assert [(a.kind, a.name, a.value, a.original, a.country, a.time_zones) for a in contact.addresses] == [
        ("phone", "phone1", "+12025550100", "(202) 555-0100", "US", "America/New_York"),
        ("phone", "phone2", "+442079460958", "+44 20 7946 0958", "GB", "Europe/London"),
        ("email", "email", "anna@example.org", "Anna@Example.ORG", "", ""),
    ]
    assert contact.fields == {"first_name": "", "time_zone": "Asia/Tokyo", "language": "en-US"}


def test_names_the_addresses_whose_cells_are_empty() -> None:
    contact = prepare()
    assert isinstance(contact, PreparedContact)
    assert contact.emptied == ("phone2", "email")


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"id": " "}, "ID", "every contact needs its id"),
        ({"id": "x" * 121}, "ID", "longer than 120"),
        ({"first_name": "An\nna"}, "First", "line break"),
        ({"time_zone": "EST5"}, "Zone", "America/New_York"),
        ({"language": "english please"}, "Language", "not a language"),
        ({"phone1": "2025550100;ext=1"}, "Phone", "';'"),
        ({"phone1": "2025550100@host"}, "Phone", "'@'"),
        ({"phone1": "202555\n0100"}, "Phone", "line break"),
        ({"phone2": "12"}, "Phone 2", "too few digits"),
        ({"email": "anna at example"}, "Mail", "name@domain"),
        ({"email": "a@b@c.org"}, "Mail", "name@domain"),
        ({"email": "anna@example.org\r\nBcc: x@y.org"}, "Mail", "name@domain"),
        ({"phone1": ""}, "", "neither phone nor email"),
    ],
)
def test_rejects_a_row_with_line_field_and_mend(cells: dict[str, str], column: str, words: str) -> None:
    reject = prepare(**cells)
    assert isinstance(reject, Reject)
    assert (reject.line, reject.field, reject.text) == (5, column, "the row")
    assert words in reject.reason


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        (AttributeType.STRING, " gold ", "gold"),
        (AttributeType.INTEGER, "-42", -42),
        (AttributeType.DECIMAL, "1234.50", "1234.50"),
        (AttributeType.BOOLEAN, "Yes", True),
        (AttributeType.BOOLEAN, "0", False),
        (AttributeType.DATE, "2026-02-28", "2026-02-28"),
        (AttributeType.DATETIME, "2026-02-28T10:00:00-05:00", "2026-02-28T15:00:00Z"),
        (AttributeType.PHONE, "202 555 0199", "+12025550199"),
        (AttributeType.EMAIL, "A@B.org", "a@b.org"),
        (AttributeType.INTEGER, "", None),
    ],
)
def test_reads_attributes_by_their_type(kind: str, cell: str, value: Any) -> None:
    contact = prepare(kind, extra=cell)
    assert isinstance(contact, PreparedContact)
    assert contact.attributes == {"extra": value}


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (AttributeType.STRING, "x" * 1001),
        (AttributeType.STRING, "bell\x07"),
        (AttributeType.INTEGER, "4.2"),
        (AttributeType.INTEGER, "\u0664"),
        (AttributeType.DECIMAL, "1,234.50"),
        (AttributeType.DECIMAL, "NaN"),
        (AttributeType.DECIMAL, "1e3"),
        (AttributeType.DECIMAL, "1e999999"),
        (AttributeType.BOOLEAN, "maybe"),
        (AttributeType.DATE, "28.02.2026"),
        (AttributeType.DATE, "2026-02-30"),
        (AttributeType.DATETIME, "2026-02-28T10:00:00"),
        (AttributeType.PHONE, "911"),
        (AttributeType.EMAIL, "nobody"),
    ],
)
def test_rejects_attributes_of_another_type(kind: str, cell: str) -> None:
    reject = prepare(kind, extra=cell)
    assert isinstance(reject, Reject)
    assert reject.field == "Extra"
