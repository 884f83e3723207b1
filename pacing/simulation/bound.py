"""The clairvoyant bound: what nobody can beat who has the same people, lines and calls per second and abandons nobody.

It knows each call's outcome and ring time and every finishing time beforehand, so that every person who answers finds
an agent who has come free that moment, and no agent waits unless lines or calls per second run out. Of each minute the
busy time is the least of what the agents, the calls per second and the lines allow: an upper bound, for randomness only
takes from it. The first calls must still ring.
"""

from __future__ import annotations

from collections.abc import Iterable

from pacing.simulation.jobs import Job, SharedScenario
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


def clairvoyant_together(scenario: SharedScenario) -> float:
    """The same for several jobs, who are free to choose whom they call for: weights, minima and jobs without agents
    stand aside. Of each minute the least of what agents, ports and each trunk's lines and calls per second allow, each
    taken alone."""
    busy = logged_in = 0.0
    jobs = [job for job in scenario.jobs if job.mode is not None]
    for minute in range(round(scenario.hours * HOUR / _STEP)):
        now = minute * _STEP
        most = {job.name: _agents_for(scenario, job, now) for job in jobs}
        lines, rates = _costs(jobs, now)
        by_trunks = 0.0
        for name, line in scenario.trunks.items():
            here = [job.name for job in jobs if job.trunk == name]
            by_lines = _most(line.channels, [(most[job], lines[job]) for job in here])
            by_trunks += min(by_lines, _most(line.calls_per_second, [(most[job], rates[job]) for job in here]))
        by_ports = _most(scenario.ports, [(most[job], lines[job]) for job in most])
        agents = scenario.agents_at(now)
        busy += min(agents, by_trunks, by_ports) * _STEP
        logged_in += agents * _STEP
    return busy / logged_in if logged_in else 0.0


def _agents_for(scenario: SharedScenario, job: Job, now: float) -> int:
    able = sum(group.at(now) for group in scenario.groups if job.name in group.jobs)
    return able if job.most_agents is None else min(able, job.most_agents)


def _costs(jobs: Iterable[Job], now: float) -> tuple[dict[str, float], dict[str, float]]:
    """Of each job: lines, and calls a second, that keep one agent at work."""
    lines, rates = {}, {}
    for job in jobs:
        s, hit = job.scenario, max(job.scenario.hit_rate_at(now), 1e-9)
        rate = 1.0 / (s.talk.average + s.wrapup.average)
        lines[job.name] = rate * (_line_seconds(s, hit) / hit + s.talk.average)
        rates[job.name] = rate / hit
    return lines, rates


def _most(capacity: float, agents: Iterable[tuple[int, float]]) -> float:
    """The most agents at work that a capacity keeps so, the cheapest first; each job has so many, at such a cost."""
    found = 0.0
    for count, cost in sorted(agents, key=lambda pair: pair[1]):
        used = min(float(count), capacity / cost)
        found, capacity = found + used, max(0.0, capacity - used * cost)
    return found


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
