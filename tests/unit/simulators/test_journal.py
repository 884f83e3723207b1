from __future__ import annotations

from pathlib import Path

from simulators.carrier.journal import Journal, read_journal, rings_by_attempt


def test_rings_are_counted_by_attempt_across_restarts(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    for attempt in ("a", "b", "a"):
        journal = Journal(path)
        journal.write("ring", attempt=attempt)
        journal.write("end", attempt=attempt)
        journal.close()
    assert rings_by_attempt(path) == {"a": 2, "b": 1}


def test_a_line_cut_off_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "ring"}\n{"event": "en')
    assert list(read_journal(path)) == [{"event": "ring"}]


def test_no_path_keeps_nothing() -> None:
    Journal(None).write("ring", attempt="a")
