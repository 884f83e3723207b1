"""The journal: what was dialled is known after any end of the process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from common.control import CallStatus, Disposition
from mediaserver import journal as journals
from mediaserver.journal import Journal

pytestmark = pytest.mark.asyncio
TODAY = datetime.now(UTC)


OPENED: list[Journal] = []


def opened(directory: Path) -> Journal:
    journal = Journal(directory)
    journal.open(TODAY)
    OPENED.append(journal)
    return journal


@pytest_asyncio.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    while OPENED:
        await OPENED.pop().close()


def tear(directory: Path) -> None:
    with next(directory.glob("*.jsonl")).open("ab") as file:
        file.write(b'{"attempt":"a2","bo')


async def test_an_attempt_without_outcome_is_lost_after_a_restart(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.begin("a1", "boot1", "now")
    again = opened(tmp_path).outcome("a1")
    assert again is not None
    assert (again.disposition, again.boot_id, again.state) == (Disposition.LOST, "boot1", "ended")


async def test_an_outcome_is_answered_after_a_restart_without_its_trace(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.begin("a1", "boot1", "now")
    status = CallStatus("a1", "boot1", "ended", Disposition.REFUSED, 486, "Busy", trace=({"at": "x"},))
    await journal.end(status)
    for one in (journal, opened(tmp_path)):
        again = one.outcome("a1")
        assert again is not None
        assert (again.disposition, again.sip_status, again.trace) == (Disposition.REFUSED, 486, ())


async def test_an_unknown_attempt_is_unknown(tmp_path: Path) -> None:
    assert opened(tmp_path).outcome("a1") is None


async def test_a_torn_last_line_is_passed_over_and_closed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.begin("a1", "boot1", "now")
    tear(tmp_path)
    second = opened(tmp_path)
    assert "a2" not in second
    await second.begin("a3", "boot2", "now")
    third = opened(tmp_path)
    assert "a1" in third
    assert "a3" in third


async def test_outcomes_are_looked_up_on_disk_and_leave_nothing_there_but_the_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    attempts = [f"a{number}" for number in range(20)]
    await asyncio.gather(*(journal.begin(attempt, "boot1", "now") for attempt in attempts))
    await asyncio.gather(
        *(journal.end(CallStatus(attempt, "boot1", "ended", Disposition.REFUSED, 486)) for attempt in attempts)
    )
    assert not journal._begun
    found = [journal.outcome(attempt) for attempt in attempts]
    assert [status and status.attempt_id for status in found] == attempts
    assert {Path(name).suffix for name in os.listdir(tmp_path)} == {".jsonl"}


async def test_old_files_are_deleted(tmp_path: Path) -> None:
    old = tmp_path / f"attempts-{(TODAY - timedelta(days=5)).date().isoformat()}.jsonl"
    old.write_text('{"attempt":"old","boot":"b"}\n')
    assert "old" not in opened(tmp_path)
    assert not old.exists()


async def test_writers_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, syncs = opened(tmp_path), []
    await journal.begin("first", "b", "now")
    monkeypatch.setattr(journals.os, "fsync", syncs.append)
    await asyncio.gather(*(journal.begin(f"a{number}", "b", "now") for number in range(50)))
    assert len(syncs) <= 2
    assert all(f"a{number}" in opened(tmp_path) for number in range(50))


async def test_a_full_disk_is_told_to_every_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journals, "_write", refuse)
    results = await asyncio.gather(*(journal.begin(f"a{n}", "b", "now") for n in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 3
    assert "a0" not in journal
    monkeypatch.undo()
    await journal.begin("a0", "b", "now")
    assert "a0" in journal


async def test_a_server_that_runs_for_days_forgets_old_outcomes_but_no_call_under_way(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for attempt in ("done", "under-way"):
        await journal.begin(attempt, "boot1", "now")
    await journal.end(CallStatus("done", "boot1", "ended", Disposition.REFUSED, 486))
    journal.begin_day(TODAY + timedelta(days=journals.KEEP_DAYS))
    assert "done" in journal
    journal.begin_day(TODAY + timedelta(days=journals.KEEP_DAYS + 1))
    assert "done" not in journal
    assert "under-way" in journal
    assert opened(tmp_path).outcome("done") is None


async def test_what_a_person_said_is_forgotten_and_that_they_were_dialled_is_not(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for attempt in ("a1", "a2"):
        await journal.begin(attempt, "boot1", "now")
        said = CallStatus(attempt, "boot1", "ended", Disposition.ANSWERED, dtmf="4711", exit={"name": "Ada Lovelace"})
        await journal.end(said)
    await journal.forget("a1")
    kept, other = opened(tmp_path).outcome("a1"), opened(tmp_path).outcome("a2")
    assert kept is not None
    assert (kept.disposition, kept.dtmf, kept.exit) == (Disposition.ANSWERED, "", {})
    assert other is not None
    assert other.exit == {"name": "Ada Lovelace"}
