"""Where numbers are from: the longest prefix counts, and who may not see digits is not told them by a place's name."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.phone import BrokenTable, Origin, RegionTable, origin_of
from app.core.phone.prefixes import prefixes_of
from app.core.phone.region_table import pack

AREAS = {
    "1": "America",
    "1312": "Illinois",
    "1312555": "Chicago, IL",
    "44": "",
    "4420": "London",
    "5411": "Buenos Aires",
}
CARRIERS = {"447400": "Three", "5411": "Claro"}
COUNTRIES = {"US": "United States", "GB": "United Kingdom", "JE": "Jersey", "AR": "Argentina", "DE": "Germany"}
TABLE = RegionTable(pack(AREAS, CARRIERS, COUNTRIES))


@pytest.mark.parametrize(
    ("e164", "region", "carrier"),
    [
        ("+13125550123", "Chicago, IL", ""),
        ("+13126660123", "Illinois", ""),
        ("+442079460958", "London", ""),
        ("+441212345678", "United Kingdom", ""),
        ("+447400123456", "United Kingdom", "Three"),
        ("+447797712345", "Jersey", ""),
        # Its 9 stands before the area code, and only there.
        ("+5491123456789", "Buenos Aires", ""),
        ("+541123456789", "Buenos Aires", ""),
        # A number of twenty countries is of none.
        ("+18002345678", "", ""),
        ("+13125550", "", ""),
        ("anna@example.org", "", ""),
    ],
)
def test_a_number_has_its_place_or_its_country(e164: str, region: str, carrier: str) -> None:
    found = origin_of(e164, TABLE)
    assert (found.region, found.carrier) == (region, carrier)


prefixes = st.text("019", min_size=1, max_size=9).map(lambda digits: "1" + digits[1:])


@settings(max_examples=60)
@given(st.dictionaries(prefixes, st.sampled_from(["", "a", "bé", "c"]), max_size=12), st.text("019", max_size=11))
def test_the_longest_prefix_of_a_number_counts_and_none_that_is_longer_than_it(
    names: dict[str, str], rest: str
) -> None:
    number = "1" + rest
    fitting = [prefix for prefix in names if number.startswith(prefix)]
    expected = names[max(fitting, key=len)] if fitting else ""
    table = RegionTable(pack(names, {"1": "x"}, {}))
    assert table.area(number) == expected
    assert RegionTable(pack({}, names, {})).carrier(number) == expected


def test_countries_are_found_by_their_code() -> None:
    assert [TABLE.country(code) for code in ("DE", "US", "FR", "001", "")] == ["Germany", "United States", "", "", ""]
    assert RegionTable(pack({}, {}, {})).country("DE") == ""


@pytest.mark.parametrize("spoiled", [b"", b"CLNR" * 20, pack(AREAS, CARRIERS, COUNTRIES)[:-1]])
def test_what_is_no_table_is_said(spoiled: bytes) -> None:
    with pytest.raises(BrokenTable):
        RegionTable(spoiled)


@given(st.integers(0, len(pack(AREAS, {}, {})) - 1))
@settings(max_examples=20)
def test_a_byte_that_changed_is_noticed(at: int) -> None:
    whole = bytearray(pack(AREAS, {}, {}))
    whole[at] ^= 1
    with pytest.raises(BrokenTable):
        RegionTable(bytes(whole))


def test_nothing_is_told_without_a_table() -> None:
    empty = RegionTable(pack({}, {}, {}))
    example = phonenumbers.format_number(phonenumbers.example_number("FR"), phonenumbers.PhoneNumberFormat.E164)
    assert origin_of(example, empty) == Origin("fixed_line")


@settings(max_examples=60)
@given(
    st.dictionaries(prefixes, st.sampled_from(["", "a", "bé", "c"]), max_size=12),
    st.text("0159", max_size=11),
    st.sets(st.sampled_from(["a", "bé", "c"])),
)
def test_prefixes_hold_the_numbers_of_accepted_names_and_no_other(
    names: dict[str, str], rest: str, accepted: set[str]
) -> None:
    number, table = "1" + rest, RegionTable(pack(names, names, {}))
    for stretches, told in (
        (table.area_stretches, table.area(number)),
        (table.carrier_stretches, table.carrier(number)),
    ):
        found = prefixes_of(stretches(accepted.__contains__))
        assert all(len(prefix) == size for size, held in found.items() for prefix in held)
        # A whole number ends where no other goes on.
        assert any((number + "\0").startswith(prefix) for held in found.values() for prefix in held) == (
            told in accepted
        )


def test_as_few_prefixes_as_can_be() -> None:
    table = RegionTable(pack({**{f"13{digit}": "a" for digit in range(10)}, "2": "b", "21": "a"}, {}, {}))
    assert prefixes_of(table.area_stretches({"a", "b"}.__contains__)) == {
        1: ["2"], 3: [f"13{digit}" for digit in range(10)],
    }  # fmt: skip
    assert (table.areas(), table.carriers()) == ({"a", "b"}, set())
