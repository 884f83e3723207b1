"""The clairvoyant bound: what nobody can beat who has the same people, lines and calls per second and abandons nobody.

It knows each call's outcome and ring time and every finishing time beforehand, so that every person who answers finds
an agent who has come free that moment, and no agent waits unless lines or calls per second run out. Of each minute the
busy time is the least of what the agents, the calls per second and the lines allow: an upper bound, for randomness only
takes from it. The first calls must still ring.
"""

from __future__ import annotations

from pacing.simulation.scenario import HOUR, Scenario

_STEP = 60.0


def clairvoyant(scenario: Scenario) -> float:
    """The greatest utilisation: (talk + wrap-up) / logged-in time."""
    work = scenario.talk.average + scenario.wrapup.average
    shortest = scenario.answer.shift
    busy = logged_in = 0.0
    for minute in range(round(scenario.hours * HOUR / _STEP)):
        now = minute * _STEP
        agents = scenario.agents_at(now)
        if not agents:
            continue
        hit = max(scenario.hit_rate_at(now), 1e-9)
        most = agents / work
        if scenario.calls_per_second is not None:
            most = min(most, scenario.calls_per_second * hit)
        if scenario.lines is not None:
            most = min(most, scenario.lines / (_line_seconds(scenario, hit) / hit + scenario.talk.average))
        logged_in += agents * _STEP
        busy += most * work * (_STEP if minute else _STEP - min(shortest, _STEP))
    return busy / logged_in if logged_in else 0.0


def _line_seconds(scenario: Scenario, hit: float) -> float:
    """Mean seconds that a call holds a line before a conversation, at the least."""
    s = scenario
    machines = min(s.machines, 1.0 - hit)
    refused = s.busy + s.failed
    unanswered = max(0.0, 1.0 - hit - machines - refused)
    # Whom it knows to be no person it cancels when that is lawful.
    lawful = min(15.0, s.ring_timeout)
    answer = min(s.answer.average, s.ring_timeout)
    machine = min(s.machine_answer.average, lawful)
    return hit * answer + machines * machine + refused * s.refusal.average + unanswered * lawful
