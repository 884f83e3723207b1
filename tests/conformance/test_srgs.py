"""The W3C SRGS 1.0 cases at hand, meanings compared."""

from __future__ import annotations

from pathlib import Path

from vxml.conformance_srgs import run_directory


def test_every_case_passes(suites: Path) -> None:
    verdicts = list(run_directory(suites / "srgs"))
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert len(verdicts) >= 239


def test_only_token_elements_are_taken_apart(suites: Path) -> None:
    # SRGS 1.0 section 2.1: what <token> encloses is one token, white space and all. None is known by name.
    remarked = [verdict for verdict in run_directory(suites / "srgs") if verdict.remark]
    assert [verdict for verdict in remarked if '"in the US and"' not in verdict.remark] == []
