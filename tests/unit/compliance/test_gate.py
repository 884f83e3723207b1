from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.compliance import (
    GUARD,
    Allowed,
    Candidate,
    Chosen,
    Closed,
    Held,
    NoAddress,
    Quiet,
    Refused,
    Rules,
    Subject,
    check,
    choose,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULES = Rules({day: [["09:00", "20:00"]] for day in DAYS})
NEW_YORK = Subject("voice", ("America/New_York",))
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)  # a Monday, 12:00 in New York and 09:00 in Los Angeles
EARLY = datetime(2026, 1, 5, 13, tzinfo=UTC)  # 08:00 in New York


def test_allows_inside_the_window_of_the_contacts_zone() -> None:
    assert check(NEW_YORK, RULES, NOON) == Allowed()


def test_refuses_outside_and_says_when_it_opens() -> None:
    verdict = check(NEW_YORK, RULES, EARLY)
    assert isinstance(verdict, Refused)
    assert verdict.code == "RESTRICTED_TIME"
    assert verdict.until == datetime(2026, 1, 5, 14, tzinfo=UTC)


def test_every_zone_a_number_may_lie_in_must_be_open() -> None:
    both = replace(NEW_YORK, zones=("America/New_York", "America/Los_Angeles"))
    verdict = check(both, RULES, datetime(2026, 1, 5, 15, tzinfo=UTC))
    assert isinstance(verdict, Refused)
    assert verdict.until == NOON
    assert check(both, RULES, NOON) == Allowed()


@pytest.mark.parametrize("zones", [(), ("",), ("Atlantis/Sunken",), ("America/New_York", "Nowhere")])
def test_an_unknown_zone_fails_closed(zones: tuple[str, ...]) -> None:
    verdict = check(replace(NEW_YORK, zones=zones), RULES, NOON)
    assert isinstance(verdict, Refused)
    assert (verdict.code, verdict.until) == ("RESTRICTED_TIME", None)


@pytest.mark.parametrize("hours", [{}, {"mon": [["9", "17"]]}, {"noday": []}, {"mon": None}])
def test_a_window_that_cannot_be_read_fails_closed(hours: dict[str, object]) -> None:
    assert isinstance(check(NEW_YORK, Rules(hours), NOON), Refused)


def test_the_do_not_call_list_and_deletion_go_before_everything() -> None:
    always = Rules({}, always_open=True, simulated_trunk=True)
    listed = check(replace(NEW_YORK, dnc="company"), always, NOON)
    assert isinstance(listed, Refused)
    assert listed.code == "IN_DNC_LIST"
    deleted = check(replace(NEW_YORK, dnc="company", deleted=True), always, NOON)
    assert isinstance(deleted, Refused)
    assert deleted.code == "CONTACT_DELETED"
    excluded = check(replace(NEW_YORK, dnc="company", excluded=True), always, NOON)
    assert isinstance(excluded, Refused)
    assert excluded.code == "CONTACT_EXCLUDED"


def test_an_always_open_window_needs_a_simulated_trunk() -> None:
    verdict = check(NEW_YORK, Rules({}, always_open=True), NOON)
    assert isinstance(verdict, Refused)
    assert verdict.code == "RESTRICTED_RULE"
    assert check(replace(NEW_YORK, zones=()), Rules({}, always_open=True, simulated_trunk=True), NOON) == Allowed()


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_messages_at_any_hour_need_a_provider_on_loopback(channel: str) -> None:
    someone = replace(NEW_YORK, channel=channel)
    verdict = check(someone, Rules({}, always_open=True, simulated_trunk=True), NOON)
    assert isinstance(verdict, Refused)
    assert (verdict.code, verdict.until) == ("RESTRICTED_RULE", None)
    simulated = Rules({}, always_open=True, simulated_trunk=True, simulated_channels=frozenset({channel}))
    assert check(someone, simulated, NOON) == Allowed()


def test_sms_keeps_the_window_and_email_does_not() -> None:
    assert isinstance(check(replace(NEW_YORK, channel="sms"), RULES, EARLY), Refused)
    assert check(Subject("email"), RULES, EARLY) == Allowed()
    assert isinstance(check(Subject("email", dnc="unsubscribed"), RULES, EARLY), Refused)


def test_the_strategys_contact_time_narrows_the_window_and_may_wrap_midnight() -> None:
    evening = replace(NEW_YORK, earliest=time(18), latest=time(6))
    assert isinstance(check(evening, RULES, NOON), Refused)
    assert check(evening, RULES, datetime(2026, 1, 6, 0, tzinfo=UTC)) == Allowed()  # 19:00
    from_ten = replace(NEW_YORK, earliest=time(10))
    assert isinstance(check(from_ten, RULES, datetime(2026, 1, 5, 14, 30, tzinfo=UTC)), Refused)
    assert check(from_ten, RULES, NOON) == Allowed()
    assert check(replace(NEW_YORK, earliest=time(0)), RULES, NOON) == Allowed()


def test_the_first_address_allowed_now_is_chosen() -> None:
    west = replace(NEW_YORK, zones=("America/Los_Angeles",))
    off = replace(NEW_YORK, disabled_code="INVALID_NUMBER")
    at_nine = datetime(2026, 1, 5, 14, tzinfo=UTC)
    assert choose([Candidate(1, off), Candidate(2, west), Candidate(3, NEW_YORK)], RULES, at_nine) == Chosen(3)


def test_held_until_the_first_address_opens() -> None:
    west = replace(NEW_YORK, zones=("America/Los_Angeles",))
    choice = choose([Candidate(1, west), Candidate(2, NEW_YORK)], RULES, EARLY)
    assert isinstance(choice, Held)
    assert choice.until == datetime(2026, 1, 5, 14, tzinfo=UTC)


def test_a_do_not_call_entry_closes_the_contact() -> None:
    choice = choose([Candidate(1, replace(NEW_YORK, dnc="company")), Candidate(2, NEW_YORK)], RULES, NOON)
    assert isinstance(choice, Closed)
    assert choice.code == "IN_DNC_LIST"


def test_no_address_says_why() -> None:
    assert choose([], RULES, NOON) == NoAddress(
        "NO_CALLABLE_ADDRESS", "the contact has none of the addresses that the strategy names"
    )
    off = choose([Candidate(1, replace(NEW_YORK, disabled_code="INVALID_NUMBER"))], RULES, NOON)
    assert isinstance(off, NoAddress)
    assert off.code == "NO_CALLABLE_ADDRESS"
    unknown = choose([Candidate(1, replace(NEW_YORK, zones=()))], RULES, NOON)
    assert isinstance(unknown, NoAddress)
    assert unknown.code == "RESTRICTED_TIME"


UNDER_WAY = Quiet("sms", NOON, None, 7)
UNKNOWN = Quiet("voice", NOON - timedelta(minutes=20), NOON - timedelta(minutes=10), 7)


def test_another_attempt_under_way_is_waited_for_by_every_channel() -> None:
    choice = choose([Candidate(1, replace(NEW_YORK, quiet=(UNDER_WAY,)))], RULES, NOON)
    assert isinstance(choice, Held)
    assert choice.code == "RESTRICTED_RULE"
    assert NOON < choice.until <= NOON + timedelta(seconds=10)
    assert "another sms attempt (job 7) is under way since 17:00:00 UTC" in choice.detail


def test_an_unknown_outcome_keeps_its_channel_quiet_for_the_guard_time() -> None:
    called = replace(NEW_YORK, quiet=(UNDER_WAY, UNKNOWN))
    choice = choose([Candidate(1, called)], RULES, NOON)
    assert isinstance(choice, Held)
    assert choice.until == NOON - timedelta(minutes=10) + GUARD
    assert "is not known" in choice.detail
    unknown_alone = replace(NEW_YORK, quiet=(UNKNOWN,))
    assert check(unknown_alone, RULES, choice.until) == Allowed()
    assert check(replace(unknown_alone, channel="sms"), RULES, NOON) == Allowed()


def test_what_lasts_longer_than_the_quiet_is_told_first() -> None:
    verdict = check(replace(NEW_YORK, quiet=(UNDER_WAY,)), RULES, EARLY)
    assert isinstance(verdict, Refused)
    assert verdict.code == "RESTRICTED_TIME"


@given(
    st.lists(
        st.tuples(st.sampled_from(["voice", "sms"]), st.integers(-7200, 0), st.none() | st.integers(-7200, 0)),
        max_size=3,
    ),
    st.sampled_from(["voice", "sms"]),
)
def test_nobody_is_reached_beside_another_attempt_or_inside_the_guard_time(
    others: list[tuple[str, int, int | None]], channel: str
) -> None:
    quiet = tuple(
        Quiet(kind, NOON + timedelta(seconds=began), None if ended is None else NOON + timedelta(seconds=ended))
        for kind, began, ended in others
    )
    choice = choose([Candidate(1, replace(NEW_YORK, channel=channel, quiet=quiet))], RULES, NOON)
    free = all(ended is not None and (kind != channel or -ended >= 3600) for kind, _, ended in others)
    assert isinstance(choice, Chosen if free else Held)
    if isinstance(choice, Held):
        assert choice.until > NOON


ZONES = st.lists(st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Bogus/Zone"]), max_size=3)


@given(
    ZONES,
    st.integers(0, 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.sampled_from(["", "list"]),
    st.booleans(),
    st.sampled_from(["voice", "sms"]),
)
def test_nobody_is_reached_outside_the_hours_in_any_zone(
    zones: list[str], now: datetime, dnc: str, deleted: bool, channel: str
) -> None:
    subject = Subject(channel, tuple(zones), dnc, deleted)
    if isinstance(check(subject, RULES, now), Allowed):
        assert zones
        assert not dnc
        assert not deleted
        assert all(9 <= now.astimezone(ZoneInfo(zone)).hour < 20 for zone in zones)
