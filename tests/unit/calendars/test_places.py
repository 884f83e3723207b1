from __future__ import annotations

from dataclasses import replace

import pytest
from phonenumbers.geodata import GEOCODE_DATA

from app.core.calendars import Known, Source, ZoneMap, ZoneRule, place_of, state_key
from app.core.calendars.atlas import states_of_number

LOS_ANGELES = Known(number="+14155550123", number_zones=("America/Los_Angeles",), country="US")


def known(**more: object) -> Known:
    return replace(LOS_ANGELES, **more)


def test_the_contacts_own_zone_goes_before_the_area_code() -> None:
    place = place_of(known(given="America/Denver", number_zones=("America/Denver", "America/Phoenix")))
    assert (place.zones, place.source, place.conflicts) == (("America/Denver",), Source.GIVEN, ())


def test_a_disagreement_is_shown_and_both_count() -> None:
    place = place_of(known(given="America/New_York"))
    assert place.zones == ("America/New_York", "America/Los_Angeles")
    assert place.conflicts == ("the contact says America/New_York, the area code America/Los_Angeles",)


def test_two_names_of_one_time_are_no_disagreement() -> None:
    place = place_of(known(given="America/Detroit", number_zones=("America/New_York",)))
    assert place.conflicts == ()
    assert place.zones == ("America/Detroit", "America/New_York")


def test_a_number_in_several_zones_counts_in_all() -> None:
    assert place_of(known(number_zones=("America/Chicago", "America/Denver"))).zones == (
        "America/Chicago",
        "America/Denver",
    )


@pytest.mark.parametrize(
    ("country", "postcode", "zones"),
    [
        ("US", "90210-1234", ("America/Los_Angeles",)),
        ("US", "37402", ("America/New_York",)),
        ("CA", "v6b 1a1", None),
        ("AU", "2880", ("Australia/Broken_Hill",)),
    ],
)
def test_the_postcode_counts_where_the_number_says_nothing(
    country: str, postcode: str, zones: tuple[str, ...] | None
) -> None:
    place = place_of(Known(number="+999", country=country, postcode=postcode))
    assert place.source is Source.POSTCODE
    assert zones is None or place.zones == zones


def test_an_unknown_postcode_leaves_it_to_the_country() -> None:
    place = place_of(Known(number="+49891234567", country="DE", postcode="80331"))
    assert (place.source, place.zones) == (Source.COUNTRY, ("Europe/Berlin", "Europe/Busingen"))


def test_a_country_of_many_times_stands_for_all_of_them() -> None:
    place = place_of(Known(number="+16005550123", country="CA"))
    assert {"America/St_Johns", "America/Vancouver"} <= set(place.zones)


def test_a_lists_zone_counts_only_where_its_country_has_one_time() -> None:
    german = place_of(Known(number="+999", list_country="DE", list_zone="Europe/Berlin"))
    assert (german.source, german.zones) == (Source.LIST, ("Europe/Berlin",))
    american = place_of(Known(number="+999", list_country="US", list_zone="America/New_York"))
    assert {"America/New_York", "Pacific/Honolulu"} <= set(american.zones)


@pytest.mark.parametrize("nothing", [Known(), Known(number="+999"), Known(number="+999", country="ZZ")])
def test_what_nobody_knows_has_no_zone(nothing: Known) -> None:
    assert place_of(nothing).zones == ()


def test_own_rules_go_before_the_shipped_map_and_the_longest_prefix_wins() -> None:
    own = ZoneMap(
        [
            ZoneRule("+1415", ("America/Denver",), "CO", "wired"),
            ZoneRule("+1415", ("America/Phoenix",), "AZ", "wireless", "550", "559"),
            ZoneRule("+1", ("America/New_York",)),
        ]
    )
    ranged = place_of(LOS_ANGELES, own)
    assert (ranged.zones, ranged.states, ranged.line) == (("America/Phoenix",), ("US-AZ",), "wireless")
    outside = place_of(known(number="+14155600123"), own)
    assert (outside.zones, outside.states, outside.line) == (("America/Denver",), ("US-CO",), "wired")
    assert place_of(known(number="+12125600123"), own).zones == ("America/New_York",)
    assert place_of(known(number="+4420"), own).zones == ("America/Los_Angeles",)


def test_own_rules_know_postcodes_too() -> None:
    own = ZoneMap([ZoneRule("US:902", ("America/Denver",), "CO")])
    place = place_of(Known(number="+999", country="US", postcode="90210"), own)
    assert (place.zones, place.states) == (("America/Denver",), ("US-CO",))


def test_every_state_that_is_named_counts() -> None:
    place = place_of(known(state="fl", postcode="10001"))
    assert place.states == ("US-FL", "US-CA", "US-NY")
    assert state_key("US", " us-fl ") == "US-FL"


def test_the_shipped_states_are_those_of_phonenumbers() -> None:
    """By six digits it names town and state, by three mostly the state in full."""
    described = {
        (prefix[:4], names["en"][-2:])
        for prefix, names in GEOCODE_DATA.items()
        if prefix.startswith("1") and names.get("en", "")[-4:-2] == ", "
    }
    assert len(described) > 300
    # A few exchanges of New Jersey's 201 serve a village across the state line.
    assert {pair for pair in described if pair[1] not in states_of_number(f"+{pair[0]}5550123")} == {("1201", "NY")}
