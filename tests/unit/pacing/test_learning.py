"""What the predictive pacer learns: when people answer, when agents come free, and that the world has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pacing.algorithms import Abandoned, Configuration, Connected, Event, TalkEnded, WrapupEnded, create
from pacing.algorithms.ages import Began
from pacing.algorithms.answers import Answers
from pacing.algorithms.cancelling import Crossings
from pacing.algorithms.observation import Observation, Outcome, Resolved, look
from pacing.algorithms.releases import Ends, Releases, bins_of


class Calls:
    """A hundred calls a minute of which a share answers after so long; the rest ring 25 s unless cancelled at 15 s."""

    def __init__(self, *, cancel: bool = False, after: float = 8.0) -> None:
        self._after = after
        self.answers = Answers(25.0)
        self._cancel = cancel
        self._chance = np.random.default_rng(5)
        self._ringing: dict[int, tuple[float, bool]] = {}
        self._number = 0
        self.now = 0.0

    def run(self, seconds: int, hit_rate: float) -> None:
        for _ in range(seconds):
            self.now += 1
            if self.now % 5 == 0:
                self.answers.refresh()
            events = []
            for call, (placed, answers) in list(self._ringing.items()):
                age = self.now - placed
                ended = Outcome.HUMAN if answers and age >= self._after else Outcome.NO_ANSWER if age >= 25 else None
                if self._cancel and age >= 15:
                    ended = Outcome.CANCELLED
                if ended:
                    del self._ringing[call]
                    events.append(Resolved(call, ended, age, self.now))
            ringing = {call: self.now - placed for call, (placed, _) in self._ringing.items()}
            self.answers.see(look(Observation(ringing=ringing, events=events), self.now), 1.0)
            new = int(self._chance.poisson(100 / 60))
            self.answers.place(new)
            for _ in range(new):
                self._number += 1
                self._ringing[self._number] = (self.now, bool(self._chance.random() < hit_rate))

    @property
    def hit_rate(self) -> float:
        return float(self.answers.table(26)[0, -1])


@pytest.mark.parametrize("cancel", [False, True])
def test_the_hit_rate_is_learnt_though_results_come_late_and_calls_are_cancelled(cancel: bool) -> None:
    calls = Calls(cancel=cancel)
    calls.run(3_000, 0.25)
    assert float(calls.answers.table(14)[0, -1]) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("before", "after"), [(0.15, 0.45), (0.45, 0.15)])
def test_a_step_of_the_hit_rate_is_followed_within_minutes(before: float, after: float) -> None:
    calls = Calls()
    calls.run(2_400, before)
    calls.run(240, after)
    assert calls.hit_rate == pytest.approx(after, rel=0.25)


def test_calls_that_a_list_run_dry_never_gave_teach_nothing() -> None:
    calls = Calls(after=1.0)
    calls.run(2_400, 0.25)
    learnt, level = calls.answers.table(26), calls.answers.level
    for _ in range(300):
        calls.answers.place(50)
        calls.now += 1
        calls.answers.see(look(Observation(), calls.now), 1.0)
    calls.answers.refresh()
    assert calls.answers.level == pytest.approx(level, rel=0.05)
    np.testing.assert_allclose(calls.answers.table(26), learnt, atol=0.05)


def test_a_chance_streak_does_not_move_the_level_far() -> None:
    calls = Calls()
    calls.run(2_400, 0.3)
    levels = []
    for _ in range(30):
        calls.run(60, 0.3)
        levels.append(calls.hit_rate)
    assert max(levels) < 0.45
    assert min(levels) > 0.2


def test_those_who_ring_longer_than_people_take_will_hardly_answer() -> None:
    calls = Calls()
    calls.run(2_400, 0.3)
    table = calls.answers.table(10)
    assert table[12, 10] < 0.05 < table[2, 10]


def test_of_a_call_that_may_be_cancelled_only_the_next_second_counts() -> None:
    table = Answers(25.0).table(20, cancel_after=15.0)
    assert table[17, 1] == pytest.approx(table[17, 20])
    assert table[5, 20] > table[5, 5]


def test_a_call_that_has_rung_long_is_worth_less_of_its_line_than_a_new_one() -> None:
    calls = Calls()
    calls.run(1_200, 0.3)
    worth, _ = calls.answers.worth()
    assert worth[16] < worth[0] < worth[5]


def test_answers_that_no_event_tells_of_are_learnt_from_what_became_of_the_people() -> None:
    told, untold = Answers(25.0), Answers(25.0)
    ringing = {call: 4.0 for call in range(8)}
    for now in range(600):
        fate = Connected(now) if now % 3 else Abandoned(now)
        answered = Resolved(now, Outcome.HUMAN, 4.0)
        for answers, events in ((told, [answered, fate]), (untold, [fate])):
            answers.see(look(Observation(ringing=ringing, events=events), float(now)), 1.0)
    assert untold.humans == told.humans == 600
    assert untold.level == pytest.approx(told.level)


@pytest.mark.parametrize(("travels", "believed"), [(0.2, 0.0), (1.0, 1.0)])
def test_crossings_cost_nothing_until_chance_does_not_explain_how_many_there_are(
    travels: float, believed: float
) -> None:
    crossings, chance = Crossings(15.0), np.random.default_rng(4)
    for call in range(2_000):
        crossings.send([call], 1, 1.0)
        crossed = Outcome.HUMAN if chance.random() < 0.2 * travels else Outcome.CANCELLED
        kept = Outcome.HUMAN if chance.random() < 0.2 else Outcome.NO_ANSWER
        crossings.see([Resolved(call, crossed, 16.0), Resolved(-1, kept, 20.0)])
    assert crossings.seconds == pytest.approx(believed, abs=0.25)


def test_a_call_that_still_rings_after_its_cancel_is_counted_once() -> None:
    once, often = Crossings(15.0), Crossings(15.0)
    for call in range(60):
        crossed = Resolved(call, Outcome.HUMAN if call % 5 == 0 else Outcome.CANCELLED, 17.0)
        for crossings, looks in ((once, 1), (often, 4)):
            for _ in range(looks):
                crossings.send([call], 0, 1.0)
            crossings.see([crossed])
    assert often.seconds == once.seconds > 0.0


def test_a_call_that_cancelling_cannot_save_is_a_risk_for_as_long_as_it_rings() -> None:
    answers = Answers(25.0)
    free, dear = answers.table(20, cancel_after=15.0), answers.table(20, cancel_after=15.0, crossing=1.0)
    assert dear[17, 20] == pytest.approx(answers.table(20)[17, 20])
    assert dear[5, 20] > free[5, 20]


def test_durations_under_way_count_from_their_first_second() -> None:
    ends = Ends(30.0)
    ends.refresh(np.array([200.0] * 200))
    long = ends.within(30)
    assert long[np.argmax(bins_of(np.array([200.0]))), 30] < 0.06


@pytest.mark.parametrize("elapsed", [5.0, 60.0, 300.0])
def test_a_memoryless_duration_is_learnt_as_one(elapsed: float) -> None:
    ends = Ends(30.0)
    chance = np.random.default_rng(1)
    durations = chance.exponential(100.0, 3_000)
    ends.end(durations.tolist())
    ends.refresh(np.empty(0))
    within = ends.within(30)[np.argmax(bins_of(np.array([elapsed]))), 30]
    assert within == pytest.approx(1 - np.exp(-0.3), abs=0.05)


def test_who_talks_must_wrap_up_first() -> None:
    releases = Releases()
    releases.talk.end([60.0] * 200)
    releases.wrapup.end([20.0] * 200)
    releases.refresh()
    talking, wrapup = releases.tables(30)
    assert (np.diff(talking, axis=1) >= -1e-9).all()
    assert (talking[:, 1] <= wrapup[:, 1] + 0.2).all()


def test_seconds_nobody_gives_are_known_from_the_events() -> None:
    talking = Began()
    talking.follow(2, [10.0, 30.0], [], 40.0)
    assert talking.follow(2, [], [], 41.0).tolist() == [31.0, 11.0]
    # The one that lasted 20 s or so is the younger one.
    assert talking.follow(2, [50.0], [29.5], 50.0).tolist() == [40.0, 0.0]


def test_those_no_event_tells_of_began_just_now_and_the_oldest_is_taken_to_be_gone() -> None:
    talking = Began()
    assert talking.follow(2, [3.0], [], 5.0).tolist() == [2.0, 0.0]
    assert talking.follow(1, [], [], 6.0).tolist() == [1.0]


@pytest.mark.parametrize("given", [int, lambda seconds: [0.0] * len(seconds)])
def test_an_observer_who_only_counts_is_served_as_one_who_tells_the_seconds(given: Callable[[Any], Any]) -> None:
    told, counted = create(Configuration()), create(Configuration())
    talking: list[float] = []
    for now in range(200):
        events: list[Event] = []
        if now % 7 == 0:
            talking.append(float(now))
            events.append(Connected(now, at=float(now)))
        if now % 11 == 10:
            events.append(TalkEnded(now - talking.pop(0), at=float(now)))
            events.append(WrapupEnded(0.0, at=float(now)))
        elapsed = [now - began for began in talking]
        count = len(elapsed) if given is int else given(elapsed)
        ready = 12 - len(talking)
        expected = told.decide(Observation(ready=ready, talking=elapsed, events=events), float(now))
        assert counted.decide(Observation(ready=ready, talking=count, events=events), float(now)) == expected
