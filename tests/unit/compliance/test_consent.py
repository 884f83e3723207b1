from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
