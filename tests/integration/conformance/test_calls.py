"""The second harness: scripts behave in a real call as they do on the virtual clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).parents[2] / "conformance" / "calls"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app.cli", "conformance", "calls", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


@pytest.mark.timeout(180)
def test_every_script_goes_the_same_way_in_a_real_call() -> None:
    ended = run(CALLS, "--json", "--at-once", "32")
    report = json.loads(ended.stdout)
    failed = {case["case"]: case["problems"] for case in report["cases"] if not case["passed"]}
    assert failed == {}
    assert (ended.returncode, report["failed"]) == (0, 0)
    assert len({case["case"].partition(":")[0] for case in report["cases"]}) >= 10
    for case in report["cases"]:
        assert case["text"] == case["call"]
        assert case["far_end"]["rtp"]["loud_ms"] > 0


def test_a_script_that_behaves_otherwise_in_a_call_fails(tmp_path: Path) -> None:
    """The caller's number is the call's own, so the two must differ."""
    (tmp_path / "who.vxml").write_text(
        '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>'
        '<log>to <value expr="session.connection.remote.uri"/></log>Hello.<exit/></block></form></vxml>'
    )
    (tmp_path / "who.vxmltest.yaml").write_text("script: who.vxml\ntests: [{name: who}]\n")
    ended = run(tmp_path)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[-1] == "0 passed, 1 failed"
    assert "in text 'log: to', in the call 'log: to +1555019900'" in ended.stdout


def test_what_a_call_cannot_reach_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.vxmltest.yaml").write_text(
        "script: x.vxml\npages: {'http://pay.example/': <x/>}\ntests: [{name: x}]\n"
    )
    ended = run(tmp_path)
    assert ended.returncode == 2
    assert "write a path" in ended.stderr
