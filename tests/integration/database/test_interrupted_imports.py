"""Imports whose process is interrupted or killed: none stays under way with nobody at work."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from app import db
from app.models import Contact, ImportRun, ImportSeen, Organization
from app.security.access import Actor
from app.services import importing, lists
from app.services.importing import Progress, removal, runs
from app.services.importing.orphans import GONE_AFTER, Orphans
from app.services.importing.uploads import Uploads
from app.web.importer import Importer
from common.clock import utcnow

pytestmark = pytest.mark.integration

ACTOR = Actor.system()
ROWS = 9000
#: Imports a file of a list as `clarion import` does, and is killed when the first rows are in.
_KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import make_url
from app.db import make_engine
from app.security.access import Actor
from app.services import importing

def die(progress):
    if progress.rows_read:
        os.kill(os.getpid(), signal.SIGKILL)

url, list_id, path, home = sys.argv[1:]
importing.import_file(
    make_engine(make_url(url)), Actor.system(), int(list_id), Path(path), mode="replace", home=Path(home),
    on_progress=die,
)
"""


@pytest.fixture
def list_id(engine: Engine) -> int:
    with db.write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        return lists.create_list(session, ACTOR, "Members").id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "members.csv"
    made.write_text("id,phone1\n" + "".join(f"M{n},202 555 {n % 10000:04}\n" for n in range(ROWS)))
    return made


def newest(engine: Engine) -> ImportRun:
    with db.read_transaction(engine) as session:
        return session.scalars(select(ImportRun).order_by(ImportRun.id.desc()).limit(1)).one()


def left(home: Path) -> list[str]:
    return [path.name for path in Uploads(home).folder().iterdir() if not path.name.startswith("clarion-spool-")]


def test_one_whose_process_was_killed_is_taken_up_by_the_importer(
    engine: Engine, list_id: int, path: Path, tmp_path: Path
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    ended = subprocess.run([sys.executable, "-c", _KILLED, url, str(list_id), str(path), str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    died = newest(engine)
    assert (died.state, 0 < died.rows_read < ROWS) == ("running", True)
    assert Importer(engine, tmp_path).work() == 1
    run = newest(engine)
    assert (run.state, run.rows_read, run.rows_added, run.removal) == ("completed", ROWS, ROWS, "done")
    assert left(tmp_path) == []


def test_the_importer_leaves_alone_what_its_own_process_works_at(
    engine: Engine, list_id: int, path: Path, tmp_path: Path
) -> None:
    others = []
    importing.import_file(
        engine, ACTOR, list_id, path, home=tmp_path,
        on_progress=lambda _: others.append(Importer(engine, tmp_path).work()),
    )  # fmt: skip
    run = newest(engine)
    assert (run.state, run.rows_added, run.file_name, set(others)) == ("completed", ROWS, "members.csv", {0})
    assert left(tmp_path) == []


def test_one_that_is_interrupted_is_cancelled(engine: Engine, list_id: int, path: Path, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.rows_read:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.import_file(engine, ACTOR, list_id, path, mode="replace", home=tmp_path, on_progress=interrupt)
    run = newest(engine)
    assert (run.state, run.ended_at is not None) == ("cancelled", True)
    assert "what was imported until then stays" in run.detail
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == run.rows_added
        assert 0 < run.rows_added < ROWS
        assert session.scalar(select(func.count()).select_from(ImportSeen)) == 0
    assert left(tmp_path) == []


@pytest.mark.parametrize("most_removed", [100, 0])
def test_one_that_is_interrupted_while_it_takes_people_out_takes_out_nobody(
    engine: Engine, list_id: int, path: Path, monkeypatch: pytest.MonkeyPatch, most_removed: int
) -> None:
    path.write_text("id,phone1\nM1,202 555 0101\nM2,202 555 0102\n")
    importing.import_file(engine, ACTOR, list_id, path)
    path.write_text("id,phone1\nM1,202 555 0101\n")
    real = removal._walk

    def interrupted(*arguments: object) -> bool:
        monkeypatch.setattr(removal, "_walk", real)
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    def at_the_end(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(removal, "_walk", interrupted)
    monkeypatch.setattr(runs, "_end", at_the_end)
    with pytest.raises(KeyboardInterrupt):
        importing.import_file(engine, ACTOR, list_id, path, mode="full", most_removed=most_removed)
    run = newest(engine)
    assert (run.state, run.removal) == ("cancelled", "undone" if most_removed else "refused")
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).where(Contact.deleted_at.is_(None))) == 2


def test_one_that_was_cancelled_and_has_nobody_at_work_is_ended(
    engine: Engine, list_id: int, path: Path, tmp_path: Path
) -> None:
    with db.write_transaction(engine) as session:
        run = importing.start_import(session, ACTOR, list_id, path, mode="replace")
        run.state = "running"
        run_id = run.id
    orphans = Orphans(engine)

    def state_at(now: float, here: tuple[int, ...] = ()) -> str:
        orphans.look(here, now)
        return newest(engine).state

    assert state_at(0.0) == state_at(2 * GONE_AFTER) == "running"
    with db.write_transaction(engine) as session:
        importing.request_cancel(session, ACTOR, run_id)
    assert state_at(3 * GONE_AFTER) == state_at(4 * GONE_AFTER - 1) == "running"
    with db.write_transaction(engine) as session:
        session.get_one(ImportRun, run_id).rows_read = 5
    assert state_at(4 * GONE_AFTER + 10) == state_at(5 * GONE_AFTER) == "running"
    assert state_at(6 * GONE_AFTER, (run_id,)) == state_at(7 * GONE_AFTER) == "running"
    assert state_at(8 * GONE_AFTER) == "cancelled"
    assert "process that imported the file is gone" in newest(engine).detail
