"""Inbound: notifications paced by the service level on a day with a burst, and blending beside every fixed reserve.

Seeds from 10,000 on are held out. First: the share of callers answered within 20 s in each half hour (80 % promised)
and how many were notified beside the offline optimum, which knows every arrival rate and keeps 80/20 exactly by
Erlang C. Then, for a day of inbound traffic that comes and goes: agent-hours left to outbound work by blending, beside
the best of all fixed reserves that keep the level. Agents who are acquired come when their conversation is over.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from pacing.algorithms import (
    Configuration,
    Decision,
    InboundAnswered,
    InboundLost,
    Mode,
    Observation,
    TalkEnded,
    create,
)
from pacing.algorithms.blending import Blender, Blending, InboundQueue, Measure
from pacing.simulation.distributions import Durations
from pacing.simulation.notices import Day, DayResult, Queue

FIRST_SEED = 10_000
PROMISED = 0.8
FLOOR = 40
TRAFFIC = Day(
    agents=8,
    hours=8.0,
    others=((0.0, 60.0), (1.0, 130.0), (2.5, 240.0), (4.0, 120.0), (5.5, 200.0), (7.0, 60.0)),
)
#: How long an outbound agent who is wanted still talks.
STILL_TALKING = Durations("exponential", mean=70.0)


class Lent:
    """Observes the queue as a pacer does, and lends agents by the blender's word; places nothing."""

    def __init__(self, blender: Blender | None) -> None:
        self.queue: Queue | None = None
        self._blender = blender

    def decide(self, observation: Observation, now: float) -> Decision:
        if self._blender is None or self.queue is None:
            return Decision()
        events = list(observation.events)
        look = InboundQueue(
            agents=self.queue.agents,
            ready=int(observation.ready),
            waiting=observation.inbound_waiting,
            answered=[event.waited for event in events if isinstance(event, InboundAnswered)],
            lost=[event.waited for event in events if isinstance(event, InboundLost)],
            handled=[event.duration + 20.0 for event in events if isinstance(event, TalkEnded)],
        )
        moves = self._blender.decide(look, FLOOR - TRAFFIC.agents - self._blender.acquired, now)
        self.queue.lend(moves.acquire, STILL_TALKING)
        self.queue.take_back(moves.release)
        return Decision()


def notifications(seeds: int) -> None:
    day = Day()
    reached, worst, under, halves = 0.0, 1.0, 0, 0
    by_half = [0.0] * round(day.hours * 2)
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        result = Queue(day, create(Configuration(Mode.INBOUND)), seed).run()
        reached += result.notified / day.optimum() / seeds
        worst = min(worst, min(result.levels))
        under += sum(level < PROMISED for level in result.levels)
        halves += len(result.levels)
        by_half = [mean + level / seeds for mean, level in zip(by_half, result.levels, strict=False)]
    print(f"notified: {reached:.1%} of the offline optimum, mean of {seeds} days")
    print("answered within 20 s, mean of each half hour: " + " ".join(f"{level:.0%}" for level in by_half))
    print(f"worst half hour of any day {worst:.0%}; {under} of {halves} half hours under {PROMISED:.0%}")
    print("MET" if reached >= 0.9 and min(by_half) >= PROMISED else "NOT MET", "(mean of every half hour)")


def lent(day: Day, seeds: int, blending: Blending | None) -> tuple[list[float], float]:
    """The mean level of each half hour, and agent-hours left to outbound work a day."""
    results: list[DayResult] = []
    left = 0.0
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        lender = Lent(Blender(blending) if blending else None)
        lender.queue = Queue(day, lender, seed)
        results.append(lender.queue.run())
        left += (FLOOR * day.hours - lender.queue.staffed / 3_600) / seeds
    halves = min(len(result.levels) for result in results)
    return [sum(result.levels[half] for result in results) / seeds for half in range(halves)], left


def blending(seeds: int) -> None:
    best = 0.0
    for reserve in range(10, FLOOR):
        levels, left = lent(replace(TRAFFIC, agents=reserve), seeds, None)
        if min(levels) >= PROMISED:
            best = left
            print(f"best fixed reserve: {reserve} agents, worst half hour {min(levels):.0%}, {left:.0f} h left")
            break
    levels, left = lent(TRAFFIC, seeds, Blending(Measure.EXPECTED_WAIT, acquire=10.0, release=2.0, minimum_stay=240.0))
    print(f"blending: worst half hour {min(levels):.0%}, {left:.0f} h left: {left / best:.1%} of the fixed reserve's")
    print("MET" if min(levels) >= PROMISED and left >= 0.95 * best else "NOT MET")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = parser.parse_args().seeds
    notifications(seeds)
    blending(seeds)


if __name__ == "__main__":
    main()
