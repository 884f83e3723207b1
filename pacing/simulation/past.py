"""A scenario out of calls that were made: how they ended, and how long that took. Plain values, as a scenario file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import Refused
from pacing.algorithms import Outcome

#: Fewer say too little: a share of a quarter would be known to no better than some nine points.
FEWEST_CALLS = 100
FEWEST_PEOPLE = 20
#: A distribution is kept by so many of its quantiles.
_QUANTILES = 200


@dataclass(frozen=True, slots=True)
class PastCall:
    """`seconds` from placing to the answer, or to the end of a call that nobody answered; `talk` seconds after it."""

    outcome: Outcome
    seconds: float
    talk: float = 0.0


def scenario_of(calls: Sequence[PastCall]) -> dict[str, Any]:
    """What `Scenario.read` takes, of the calls alone: rates and durations. Raise Refused where they say too little."""
    count = Counter(call.outcome for call in calls)
    people = count[Outcome.HUMAN]
    if len(calls) < FEWEST_CALLS or people < FEWEST_PEOPLE:
        raise Refused(
            f"{len(calls)} calls with {people} people answering say too little (at least {FEWEST_CALLS} and "
            f"{FEWEST_PEOPLE}); choose a longer time, all campaigns, or typical figures"
        )
    shares = {outcome: round(number / len(calls), 4) for outcome, number in count.items()}
    scenario: dict[str, Any] = {
        "hit_rate": shares[Outcome.HUMAN],
        "machines": shares.get(Outcome.MACHINE, 0.0),
        "busy": shares.get(Outcome.BUSY, 0.0),
        "failed": shares.get(Outcome.FAILED, 0.0),
        "answer": _shape(call.seconds for call in calls if call.outcome is Outcome.HUMAN),
        "talk": _shape(call.talk for call in calls if call.outcome is Outcome.HUMAN),
        "machine_answer": _shape(call.seconds for call in calls if call.outcome is Outcome.MACHINE),
        "refusal": _shape(call.seconds for call in calls if call.outcome in (Outcome.BUSY, Outcome.FAILED)),
    }
    return {name: value for name, value in scenario.items() if value != []}


def _shape(seconds: Iterable[float]) -> list[float]:
    """Sorted, and thinned out evenly where there are many."""
    ordered = sorted(seconds)
    if len(ordered) > _QUANTILES:
        ordered = [ordered[int((number + 0.5) * len(ordered) / _QUANTILES)] for number in range(_QUANTILES)]
    return [round(value, 2) for value in ordered]
