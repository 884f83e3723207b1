"""The benchmark's grid: whose shifts are counted, and of what a verdict is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pacing as grid
from pacing.algorithms import Mode
from pacing.simulation.runs import Pooled
from pacing.simulation.scenario import Scenario

TINY = Scenario(agents=1, hours=0.01)
GOOD = Pooled(20, 0.028, (0.027, 0.029), 0.03, 0.9, 0.93, 45.0)


def test_shifts_are_not_run_again_for_the_pacer_that_made_them_and_are_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = grid.summaries(TINY, Mode.PREDICTIVE, 1, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text(encoding="utf-8").replace('"abandoned": 0', '"abandoned": 77'), encoding="utf-8")
    assert [one.abandoned for one in grid.summaries(TINY, Mode.PREDICTIVE, 1, tmp_path)] == [77]
    monkeypatch.setattr(grid, "fingerprint", lambda: "another")
    assert grid.summaries(TINY, Mode.PREDICTIVE, 1, tmp_path) == first


def test_a_pacer_is_another_when_its_sources_are(tmp_path: Path) -> None:
    for number, source in enumerate(("a = 1", "a = 2")):
        (tmp_path / str(number) / "algorithms").mkdir(parents=True)
        (tmp_path / str(number) / "algorithms" / "pacer.py").write_text(source, encoding="utf-8")
    assert grid.fingerprint(tmp_path / "0") != grid.fingerprint(tmp_path / "1")


@pytest.mark.parametrize(
    ("found", "hours", "said"),
    [
        ([GOOD, GOOD], 8.0, "MET"),
        ([GOOD, Pooled(20, 0.031, (0.03, 0.032), 0.04, 0.9, 0.99, 45.0)], 8.0, "NOT MET"),
        ([GOOD, Pooled(20, 0.028, (0.027, 0.029), 0.03, 0.9, 0.90, 45.0)], 8.0, "NOT MET"),
        ([GOOD], 8.0, "part of the grid"),
        ([GOOD, GOOD], 2.0, "part of the grid"),
        ([GOOD, Pooled(19, 0.028, (0.027, 0.029), 0.03, 0.9, 0.93, 45.0)], 8.0, "part of the grid"),
    ],
)
def test_a_verdict_is_given_of_the_whole_grid_alone(found: list[Pooled], hours: float, said: str) -> None:
    assert grid.verdict(found, grid=2, hours=hours).startswith(said)
