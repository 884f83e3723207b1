from __future__ import annotations

import pytest

from app.intake import mapping
from common.errors import Refused


def test_suggests_targets_by_the_columns_names() -> None:
    columns = ["Customer ID", "First Name", "Surname", "Mobile Phone", "Home phone", "E-Mail", "TZ", "Balance due", "!"]
    assert mapping.suggest(columns) == {
        "Customer ID": "id",
        "First Name": "first_name",
        "Surname": "last_name",
        "Mobile Phone": "phone1",
        "Home phone": "phone2",
        "E-Mail": "email",
        "TZ": "time_zone",
        "Balance due": "balance_due",
        "!": "",
    }


def test_suggests_each_target_once() -> None:
    suggested = mapping.suggest(["id", "external_id", "phone2", "phone", "email", "email address"])
    assert suggested == {
        "id": "id", "external_id": "external_id", "phone2": "phone2", "phone": "phone1", "email": "email",
        "email address": "email2",
    }  # fmt: skip


def test_does_not_suggest_names_that_calls_carry_already() -> None:
    assert mapping.suggest(["id", "phone1", "campaign"])["campaign"] == ""


def test_does_not_suggest_to_keep_what_an_export_says_of_numbers() -> None:
    suggested = mapping.suggest(["id", "phone1", "phone1_region", "phone1_carrier", "region"])
    assert suggested == {"id": "id", "phone1": "phone1", "phone1_region": "", "phone1_carrier": "", "region": "region"}


def test_columns_left_out_are_ignored() -> None:
    assert mapping.check(["a", "b", "c"], {"a": "id", "b": "phone1"}) == {"a": "id", "b": "phone1", "c": ""}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a": "id"}, "no column is a phone or an email"),
        ({"b": "phone1"}, "no column is the id"),
        ({"a": "id", "b": "id"}, "'a' and 'b' are both id"),
        ({"a": "id", "z": "phone1"}, "no column 'z'; it has a, b"),
        ({"a": "id", "b": "Phone Number"}, "cannot be 'Phone Number'"),
        ({"a": "id", "b": "attempt_id"}, "cannot be 'attempt_id'"),
    ],
)
def test_refuses_a_mapping_naming_the_mend(given: dict[str, str], words: str) -> None:
    with pytest.raises(Refused, match=words):
        mapping.check(["a", "b"], given)
