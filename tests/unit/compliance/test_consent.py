from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendars import WEEKDAYS
from app.core.compliance import Act, Candidate, Chosen, Consent, NoAddress, Rules, Subject, choose, consent_of

NOW = datetime(2026, 1, 5, 17, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Rules({day: [["08:00", "21:00"]] for day in WEEKDAYS})
SUBJECT = Subject("voice", ("America/New_York",))


@pytest.mark.parametrize(
    ("acts", "found"),
    [
        ([], Consent.MISSING),
        ([Act(NOW + DAY, 1, True)], Consent.MISSING),
        ([Act(NOW - DAY, 1, True)], Consent.GIVEN),
        ([Act(NOW - DAY, 1, True, NOW)], Consent.EXPIRED),
        ([Act(NOW - 2 * DAY, 1, True), Act(NOW - DAY, 2, False)], Consent.REVOKED),
        ([Act(NOW - DAY, 1, True), Act(NOW - 2 * DAY, 2, False)], Consent.GIVEN),
        ([Act(NOW, 2, True), Act(NOW, 1, False)], Consent.REVOKED),
    ],
)
def test_the_newest_act_decides_and_in_doubt_the_taking_back(acts: list[Act], found: Consent) -> None:
    assert consent_of(acts, NOW) is found


NEW_YORK, AUCKLAND = "America/New_York", "Pacific/Auckland"
FIFTH = date(2026, 1, 5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zones", "given", "found"),
    [
        # The fifth is over in New York at 05:00 UTC of the sixth, in Auckland at 11:00 of the fifth.
        ((NEW_YORK,), "2026-01-06T04:59", Consent.REVOKED),
        ((NEW_YORK,), "2026-01-06T05:01", Consent.GIVEN),
        ((AUCKLAND,), "2026-01-05T10:59", Consent.REVOKED),
        ((AUCKLAND,), "2026-01-05T11:01", Consent.GIVEN),
        ((AUCKLAND, NEW_YORK), "2026-01-06T04:59", Consent.REVOKED),
        ((), "2026-01-06T11:59", Consent.REVOKED),
        ((AUCKLAND, "Nowhere/Land"), "2026-01-06T11:59", Consent.REVOKED),
        ((), "2026-01-06T12:01", Consent.GIVEN),
    ],
)
def test_a_day_of_taking_back_is_over_with_that_day_where_the_person_is(
    zones: tuple[str, ...], given: str, found: Consent
) -> None:
    acts = [Act(at("2026-01-09T00:00"), 1, False, day=FIFTH), Act(at(given), 2, True)]
    assert consent_of(acts, at("2026-01-09T00:00"), zones) is found


def test_a_day_of_taking_back_holds_from_its_entry_on_and_what_is_given_later_that_day_counts() -> None:
    taken, again = Act(at("2026-01-04T11:30"), 1, False, day=FIFTH), Act(at("2026-01-04T12:30"), 2, True)
    assert consent_of([taken], at("2026-01-04T11:30"), (AUCKLAND,)) is Consent.REVOKED
    assert consent_of([taken, again], at("2026-01-04T13:00"), (AUCKLAND,)) is Consent.GIVEN


@pytest.mark.parametrize(
    ("zones", "taken_back", "found"),
    [
        # The fifth begins in Auckland at 11:00 UTC of the fourth, in New York at 05:00 of the fifth.
        ((AUCKLAND,), "2026-01-04T11:01", Consent.REVOKED),
        ((AUCKLAND,), "2026-01-04T10:59", Consent.GIVEN),
        ((NEW_YORK,), "2026-01-05T04:59", Consent.GIVEN),
        ((NEW_YORK, AUCKLAND), "2026-01-05T04:59", Consent.REVOKED),
        ((), "2026-01-04T10:01", Consent.REVOKED),
    ],
)
def test_a_consent_by_its_day_is_older_than_any_taking_back_of_it(
    zones: tuple[str, ...], taken_back: str, found: Consent
) -> None:
    acts = [Act(at("2026-01-09T00:00"), 2, True, day=FIFTH), Act(at(taken_back), 1, False)]
    assert consent_of(acts, at("2026-01-09T00:00"), zones) is found


@pytest.mark.parametrize(
    ("zones", "over"),
    [
        ((NEW_YORK,), "2026-01-06T05:00"),
        ((AUCKLAND,), "2026-01-05T11:00"),
        ((NEW_YORK, AUCKLAND), "2026-01-05T11:00"),
        ((), "2026-01-05T10:00"),
    ],
)
def test_the_last_day_of_a_consent_is_whole_where_the_person_is(zones: tuple[str, ...], over: str) -> None:
    acts = [Act(at("2026-01-01T00:00"), 1, True, last_day=FIFTH)]
    assert consent_of(acts, at(over) - timedelta(seconds=1), zones) is Consent.GIVEN
    assert consent_of(acts, at(over), zones) is Consent.EXPIRED


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.booleans(), st.none() | st.integers(-9, 9)), max_size=6))
def test_nobody_is_reached_without_an_act_that_gives_and_is_not_over(raw: list[tuple[int, bool, int | None]]) -> None:
    acts = [
        Act(NOW + days * DAY, order, given, None if ends is None else NOW + ends * DAY)
        for order, (days, given, ends) in enumerate(raw)
    ]
    if consent_of(acts, NOW) is Consent.GIVEN:
        holding = [act for act in acts if act.given and act.at <= NOW and (not act.expires_at or act.expires_at > NOW)]
        assert holding
        newest = max(act.at for act in holding)
        assert not any(not act.given and newest <= act.at <= NOW for act in acts)


def test_a_channel_without_consent_leaves_the_others_to_the_strategy() -> None:
    missing, revoked = (replace(SUBJECT, consent=consent) for consent in (Consent.MISSING, Consent.REVOKED))
    allowed = replace(SUBJECT, consent=Consent.GIVEN)
    assert choose([Candidate(1, missing), Candidate(2, allowed)], RULES, NOW) == Chosen(2)
    for subject, code in ((missing, "CONSENT_MISSING"), (revoked, "CONSENT_REVOKED")):
        none = choose([Candidate(1, subject)], RULES, NOW)
        assert isinstance(none, NoAddress)
        assert none.code == code
