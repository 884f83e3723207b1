from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from common.errors import ConfigError
from simulators.carrier.behaviour import Behaviour, StepKind, parse_script
from simulators.carrier.population import BY_NAME, MIX, NAMED, SUFFIXES, Population, load_population

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "simulated-carrier.md"


def test_the_last_two_digits_choose_the_behaviour() -> None:
    population = Population()
    assert population.behaviour("+12125550101").final == 486
    assert population.behaviour("+16025550102").final == 0
    assert population.behaviour("+13125550140").name == "pays"


def test_a_behaviour_can_be_called_by_its_name() -> None:
    assert Population().behaviour("decline").final == 603


def test_the_mix_gives_the_same_behaviour_for_the_same_seed_and_number() -> None:
    numbers = [f"+1212555{n:04d}" for n in range(50, 100)]
    first = [Population(7).behaviour(number).name for number in numbers]
    assert first == [Population(7).behaviour(number).name for number in numbers]
    assert first != [Population(8).behaviour(number).name for number in numbers]
    assert len(Counter(first)) > 5


def test_a_number_may_do_something_else_on_its_second_ring() -> None:
    population = Population()
    assert population.behaviour("+12125550132", ring=1).name == "busy-then-pays"
    assert population.behaviour("+12125550132", ring=2).name == "pays"


def test_everyone_overrides_the_table() -> None:
    assert Population(everyone="listen").behaviour("+12125550101").name == "listen"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown behaviour 'nobody'.*ring-out"):
        Population(everyone="nobody")


def test_every_name_is_unique_and_every_script_parses() -> None:
    assert len(NAMED) == len(SUFFIXES) + len(BY_NAME)
    assert set(MIX) <= set(NAMED)
    for behaviour in NAMED.values():
        assert behaviour.about
        assert isinstance(behaviour.steps, tuple)
        assert not behaviour.then or behaviour.then in NAMED


def test_the_reference_page_lists_every_suffix() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    for suffix, behaviour in SUFFIXES.items():
        assert f"| {suffix} | `{behaviour.name}` | {behaviour.about} |" in page
    for behaviour in BY_NAME:
        assert f"| `{behaviour.name}` | {behaviour.about} |" in page


@pytest.mark.parametrize("script", ["dance", "keys:", "keys:1x", "wait:soon", "beep:2"])
def test_a_wrong_script_word_is_refused_by_name(script: str) -> None:
    with pytest.raises(ConfigError, match=script):
        parse_script(script)


def test_a_script_is_read_in_order() -> None:
    kinds = [step.kind for step in parse_script("prompt keys:12# wait:0.5 hangup")]
    assert kinds == [StepKind.PROMPT, StepKind.KEYS, StepKind.WAIT, StepKind.HANGUP]


def test_a_population_file_changes_suffixes(tmp_path: Path) -> None:
    file = tmp_path / "population.json"
    file.write_text(json.dumps({"suffixes": {"00": "busy", "01": {"name": "mine", "script": "keys:5"}}}))
    population = load_population(file)
    assert population.behaviour("+12125550100").final == 486
    assert population.behaviour("+12125550101") == Behaviour("mine", script="keys:5")
    assert population.behaviour("+12125550104").final == 404


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected an object"),
        ("{", "not a readable JSON"),
        ('{"suffixes": {"1": "busy"}}', "last two digits"),
        ('{"suffixes": {"01": "nope"}}', "unknown behaviour 'nope'"),
        ('{"suffixes": {"01": {"speed": 1}}}', "object of about"),
        ('{"mix": {"nope": 1}}', "mix names an unknown behaviour"),
    ],
)
def test_a_wrong_population_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "population.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_population(file)
