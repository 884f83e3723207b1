"""Whoever calls a pacer, or writes a scenario, finds each field in the reference."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest

from pacing.agentless import Pacing
from pacing.algorithms import Configuration, Decision, Event, Observation
from pacing.simulation.distributions import Durations
from pacing.simulation.jobs import Group
from pacing.simulation.scenario import Detection, Scenario

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/pacing.md"
#: In the campaign's words these are `rate` and `per`, and `ports`.
NOT_THERE = {"interval"}
KINDS: tuple[type, ...] = (
    Configuration, Observation, Decision, *get_args(Event), Pacing, Scenario, Detection, Durations, Group,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_field_is_documented(kind: type) -> None:
    text = re.sub(r"```.*?```", "", REFERENCE.read_text(encoding="utf-8"), flags=re.DOTALL)
    documented = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))
    missing = {field.name for field in dataclasses.fields(kind)} - documented - NOT_THERE
    assert not missing, f"{REFERENCE.name} says nothing of {kind.__name__}'s {', '.join(sorted(missing))}"
