"""Large files of consents and do-not-call entries: taken in the background, watched, cancelled, taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from app.db import read_transaction, write_transaction
from app.models import ConsentEvent, ConsentFile, DncEntry, DncFile
from app.security.access import Actor
from app.services import consent_files, dnc, dnc_files
from app.services.handed_over import HandedOver
from app.web.file_taker import CONSENT, DNC, FileTaker
from common.errors import Refused
from tests.support.organizations import World, build

ROOT = Actor.system()
ROWS = 2400


@pytest.fixture
def world(engine: Engine) -> World:
    with write_transaction(engine) as session:
        return build(session, "Meadow")


@pytest.fixture
def list_id(engine: Engine, world: World) -> int:
    with write_transaction(engine) as session:
        return dnc.create_dnc_list(session, ROOT, "Many", organization_id=world.organization_id).id


def consents_of(rows: int) -> str:
    head = "phone,channel,purpose,act,at,source\n"
    bad = "12,voice,news,given,2026-01-05,call\n"
    lines = (f"+1212556{n:04},voice,news,given,2026-01-05,call\n" for n in range(rows - 1))
    return head + bad + "".join(lines)


def numbers_of(rows: int) -> str:
    return "".join(f"+1212556{n:04}\n" for n in range(rows - 1)) + "12\n"


def queue(engine: Engine, world: World, home: Path, text: str) -> int:
    files = HandedOver(home)
    folder = files.keep("many.csv", lambda path: path.write_text(text))
    with write_transaction(engine) as session:
        row = consent_files.start_file(session, ROOT, "many.csv", organization_id=world.organization_id)
        files.hand_over(folder, CONSENT, row.id)
        return row.id


def queue_dnc(engine: Engine, list_id: int, home: Path, text: str, action: str = "add") -> int:
    files = HandedOver(home)
    folder = files.keep("many.txt", lambda path: path.write_text(text))
    with write_transaction(engine) as session:
        fields = dnc_files.FileFields("numbers", action)
        row = dnc_files.start_file(session, ROOT, list_id, "many.txt", fields)
        files.hand_over(folder, DNC, row.id)
        return row.id


def consents(engine: Engine, file_id: int) -> tuple[ConsentFile, int]:
    with read_transaction(engine) as session:
        there = session.scalar(
            select(func.count()).where(ConsentEvent.purpose == "news", ConsentEvent.file_id == file_id)
        )
        return session.get_one(ConsentFile, file_id), there or 0


def entries(engine: Engine, file_id: int, list_id: int) -> tuple[DncFile, int]:
    with read_transaction(engine) as session:
        there = session.scalar(select(func.count()).where(DncEntry.dnc_list_id == list_id))
        return session.get_one(DncFile, file_id), there or 0


def after(calls: int) -> Callable[[], bool]:
    """A worker that is to end after so many looks."""
    left = iter(range(calls))
    return lambda: next(left, None) is not None


def test_a_file_of_consents_is_taken_with_a_report_and_is_gone_afterwards(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    file_id = queue(engine, world, tmp_path, consents_of(ROWS))
    assert FileTaker(engine, tmp_path).work() == 1
    row, there = consents(engine, file_id)
    assert (row.state, row.rows_read, row.rows_total, row.rows_given) == ("completed", ROWS, ROWS + 1, ROWS - 1)
    assert (row.rows_rejected, row.first_rejects[0]["line"], there) == (1, 2, ROWS - 1)
    assert FileTaker(engine, tmp_path).work() == 0
    assert list((tmp_path / "files").iterdir()) == []


def test_a_file_of_consents_whose_worker_ended_goes_on_where_it_was(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    file_id = queue(engine, world, tmp_path, consents_of(ROWS))
    handed = next(HandedOver(tmp_path).waiting())
    assert handed.file is not None
    consent_files.run_file(engine, file_id, handed.file, None, after(2))
    row, there = consents(engine, file_id)
    assert row.state == "running"
    assert 0 < there == row.rows_given < ROWS - 1
    FileTaker(engine, tmp_path).work()
    row, there = consents(engine, file_id)
    assert (row.state, row.rows_given, row.rows_known, there) == ("completed", ROWS - 1, 0, ROWS - 1)
    assert row.rows_rejected == 1


def test_a_file_of_entries_whose_worker_ended_goes_on_and_takes_off_the_rest_alone(
    engine: Engine, list_id: int, tmp_path: Path
) -> None:
    with write_transaction(engine) as session:
        dnc.add(session, ROOT, [("phone", "+12125579999")], dnc_list_id=list_id)
    file_id = queue_dnc(engine, list_id, tmp_path, numbers_of(ROWS), "replace")
    handed = next(HandedOver(tmp_path).waiting())
    assert handed.file is not None
    dnc_files.run_file(engine, file_id, handed.file, after(2))
    row, there = entries(engine, file_id, list_id)
    assert row.state == "running"
    assert 0 < row.rows_changed == there - 1 < ROWS - 1
    FileTaker(engine, tmp_path).work()
    row, there = entries(engine, file_id, list_id)
    assert (row.state, row.rows_read, row.rows_rejected, there) == ("completed", ROWS, 1, ROWS - 1)
    assert row.rows_changed == ROWS


@pytest.mark.parametrize("kind", [CONSENT, DNC])
def test_one_that_is_cancelled_stops_and_what_is_taken_stays(
    engine: Engine, world: World, list_id: int, tmp_path: Path, kind: str
) -> None:
    if kind == CONSENT:
        file_id = queue(engine, world, tmp_path, consents_of(ROWS))
    else:
        file_id = queue_dnc(engine, list_id, tmp_path, numbers_of(ROWS))
    handed = next(HandedOver(tmp_path).waiting())
    assert handed.file is not None
    cancel = consent_files.request_cancel if kind == CONSENT else dnc_files.request_cancel
    if kind == CONSENT:
        consent_files.run_file(engine, file_id, handed.file, None, after(2))
    else:
        dnc_files.run_file(engine, file_id, handed.file, after(2))
    with write_transaction(engine) as session:
        cancel(session, ROOT, file_id)
    FileTaker(engine, tmp_path).work()
    row, there = consents(engine, file_id) if kind == CONSENT else entries(engine, file_id, list_id)
    assert (row.state, "what was taken until then stays" in row.detail) == ("cancelled", True)
    assert 0 < there < ROWS - 1
    assert list((tmp_path / "files").iterdir()) == []
    with write_transaction(engine) as session, pytest.raises(Refused, match="cancelled already"):
        cancel(session, ROOT, file_id)


def test_a_file_that_cannot_be_read_says_why_and_one_without_a_row_waits(
    engine: Engine, world: World, tmp_path: Path
) -> None:
    file_id = queue(engine, world, tmp_path, "a,b\n1,2\n")
    (tmp_path / "files" / f"{CONSENT}-999" / "file").mkdir(parents=True)
    (tmp_path / "files" / f"{CONSENT}-999" / "file" / "x.csv").write_text("a")
    FileTaker(engine, tmp_path).work()
    row, there = consents(engine, file_id)
    assert (row.state, there) == ("failed", 0)
    assert "many.csv, line 1: no column is channel" in row.detail
    assert [folder.name for folder in (tmp_path / "files").iterdir()] == [f"{CONSENT}-999"]
    shutil.rmtree(tmp_path / "files")
    assert FileTaker(engine, tmp_path).work() == 0


@pytest.mark.parametrize("kind", [CONSENT, DNC])
def test_a_file_that_meets_a_defect_has_failed_and_keeps_no_other_waiting(
    kind: str, engine: Engine, world: World, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a defect")

    file_ids = [
        queue(engine, world, tmp_path, consents_of(9))
        if kind == CONSENT
        else queue_dnc(engine, list_id, tmp_path, "12")
        for _ in range(2)
    ]
    monkeypatch.setattr(consent_files if kind == CONSENT else dnc_files, "read_lines", broken)
    taker = FileTaker(engine, tmp_path)
    with pytest.raises(KeyError):
        taker.work()
    with read_transaction(engine) as session:
        rows = [session.get_one(ConsentFile if kind == CONSENT else DncFile, file_id) for file_id in file_ids]
    assert [(row.state, row.detail) for row in rows] == [
        ("failed", "stopped by a defect of Clarion; the log says more")
    ] * 2
    assert taker.work() == 2
    assert list(HandedOver(tmp_path).waiting()) == []


def test_a_file_goes_on_once_the_database_is_back(
    engine: Engine, list_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("the server is gone"))

    file_id = queue_dnc(engine, list_id, tmp_path, numbers_of(9))
    monkeypatch.setattr(dnc_files, "_write", away)
    taker = FileTaker(engine, tmp_path)
    with pytest.raises(OperationalError):
        taker.work()
    assert entries(engine, file_id, list_id)[0].state == "running"
    monkeypatch.undo()
    assert taker.work() == 1
    assert entries(engine, file_id, list_id)[0].state == "completed"
