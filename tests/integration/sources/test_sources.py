"""Data sources at work: folders and queries, dying and ending processes, pauses, what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine, create_engine, select, text, update

from app.db import read_transaction, write_transaction
from app.models import Contact, DataSource, ImportRun
from app.security.access import Actor, Forbidden
from app.services import importing, sources
from app.services.importing.uploads import Uploads
from app.services.sources import Kind, Repeats, Schedule, SourceFields, Sources, running
from common.clock import utcnow
from common.errors import ClarionError, Refused
from tests.support.source_world import ACTOR, EVERY, TEXT, VAULT, World

pytestmark = pytest.mark.integration


def test_a_watched_folder_takes_what_lies_still(world: World) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.work()
    (world.drop / "people.csv").write_text(TEXT, "utf-8")
    (world.drop / "bad.csv").write_bytes(b"%PDF-1.7")
    (world.drop / ".hidden.csv").write_text(TEXT, "utf-8")
    (world.drop / "link.csv").symlink_to("/etc/passwd")
    source = world.again(source_id)
    assert source.last_failed
    assert "not a CSV file but a PDF" in source.last_words
    assert sorted(world.runs()) == [("bad.csv", "failed", 0, 0), ("people.csv", "completed", 2, 1)]
    kept = sorted(path.name.partition("-")[2] for path in world.drop.glob("*ed/*"))
    assert kept == ["bad.csv", "people.csv"]
    assert sorted(path.name for path in world.drop.iterdir() if path.is_file()) == [".hidden.csv", "link.csv"]


def test_a_half_written_file_is_never_read(world: World) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.work()
    file = world.drop / "people.csv"
    file.write_text(TEXT[:20], "utf-8")

    class Writer:
        """Goes on writing between the two looks."""

        def wait(self, _seconds: float) -> None:
            with file.open("a", encoding="utf-8") as out:
                out.write(TEXT[20:])

        def is_set(self) -> bool:
            return False

    worker, stop = world.another("writer"), Writer()
    worker._stop = stop  # type: ignore[assignment]
    with write_transaction(world.engine) as session:
        sources.run_now(session, ACTOR, source_id)
    worker.work(utcnow())
    assert world.source(source_id).last_words == "1 still being written"
    assert world.runs() == []
    assert world.again(source_id).last_words == "1 taken"
    assert world.runs() == [("people.csv", "completed", 2, 1)]


def test_a_process_that_dies_leaves_no_file_twice_and_none_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.work()

    class Killed(BaseException):
        """Stands for the end of the process."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    for number, moment in enumerate(("write_head", "refuse_guess")):
        (world.drop / f"{number}.csv").write_text(TEXT, "utf-8")
        with write_transaction(world.engine) as session:
            sources.run_now(session, ACTOR, source_id)
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(running.spooling, moment, die)
            world.another("dying").work(utcnow())
        expire(world, source_id)
        # What was asked for is still due.
        assert world.work() == 1
        assert world.source(source_id).last_words == "1 taken"
    (world.drop / "2.csv").write_text(TEXT, "utf-8")
    with write_transaction(world.engine) as session:
        sources.run_now(session, ACTOR, source_id)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(running.Folder, "finish", die)
        world.another("dying").work(utcnow())
    expire(world, source_id)
    assert world.again(source_id).last_words == "nothing new"
    assert [run[:3] for run in world.runs()] == [(f"{number}.csv", "completed", 2) for number in range(3)]
    assert len(list((world.drop / "processed").iterdir())) == 3
    assert list((world.drop / "processing").iterdir()) == []
    assert not list((world.home / "uploads").iterdir())


def test_a_process_that_is_told_to_end_leaves_the_source_due(world: World) -> None:
    at = (utcnow() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")
    source_id = world.make(kind=Kind.FOLDER, folder="people", schedule=Schedule(Repeats.ONCE, at=at))
    (world.drop).mkdir(parents=True)
    (world.drop / "people.csv").write_text(TEXT, "utf-8")
    ending = world.another("ending")

    class Told:
        """Between the two looks at the file."""

        told = False

        def wait(self, _seconds: float) -> None:
            self.told = True

        def is_set(self) -> bool:
            return self.told

    ending._stop = Told()  # type: ignore[assignment]
    assert ending.work(utcnow()) == 0
    source = world.source(source_id)
    assert (source.lease_owner, source.last_run_at, world.runs()) == ("", None, [])
    assert world.work() == 1
    assert world.runs() == [("people.csv", "completed", 2, 1)]
    assert world.source(source_id).next_run_at is None


def expire(world: World, source_id: int) -> None:
    """Let the time of the lease pass."""
    with write_transaction(world.engine) as session:
        past = utcnow() - timedelta(seconds=1)
        session.execute(update(DataSource).where(DataSource.id == source_id).values(lease_until=past))


def test_two_processes_never_fetch_one_source(engine: Engine, list_id: int, tmp_path: Path) -> None:
    with write_transaction(engine) as session:
        fields = SourceFields("Folder", Kind.FOLDER, EVERY, folder="people")
        source_id = sources.create_source(session, ACTOR, list_id, fields, VAULT).id
    now = utcnow()
    assert running.claim(engine, source_id, "one", now) is not None
    assert running.claim(engine, source_id, "two", now) is None
    later = now + running.LEASE + timedelta(seconds=1)
    assert running.claim(engine, source_id, "two", later) is not None
    with pytest.raises(running.LeaseLost), write_transaction(engine) as session:
        running._require_lease(session, source_id, "one")
    running.finish(engine, source_id, "one", running.Tally(problem="too late"), later)
    with read_transaction(engine) as session:
        assert session.get_one(DataSource, source_id).last_words == ""
    running.finish(engine, source_id, "two", running.Tally(taken=1), later)
    with read_transaction(engine) as session:
        row = session.get_one(DataSource, source_id)
    assert (row.last_words, row.lease_owner, row.next_run_at) == ("1 taken", "", later + timedelta(minutes=30))
    assert Sources(engine, tmp_path, VAULT, "one").work(later) == 0


def test_a_paused_source_runs_only_when_somebody_says_so(world: World) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    with write_transaction(world.engine) as session:
        sources.set_paused(session, ACTOR, source_id, True)
    assert world.work() == 0
    assert world.again(source_id).last_words == "nothing new"
    with write_transaction(world.engine) as session:
        sources.set_paused(session, ACTOR, source_id, False)
    assert world.work() == 1


def test_a_query_of_a_database_is_read_and_nothing_is_written(world: World, postgres_url: str) -> None:
    crm = create_engine(postgres_url)
    with crm.begin() as connection:
        connection.execute(
            text("CREATE TABLE person (id int, name text, phone text, seen timestamptz, vip bool, owed numeric)")
        )
        rows = "(1, 'Ann', '2025550100', '2026-01-02T03:04:05Z', true, 12.50), (2, E'B\\no', 'x', null, false, null)"
        connection.execute(text(f"INSERT INTO person VALUES {rows}"))
    columns = "id, name AS first_name, phone AS phone1, vip, owed"
    query = f"SELECT {columns} FROM person WHERE seen IS NULL OR seen::text <> ':x';"
    source_id = world.make(kind=Kind.SQL, url=postgres_url, query=query, mapping={"vip": "important"})
    probe = world.probe(source_id)
    assert probe.words == "The query answers with the columns id, first_name, phone1, vip, owed."
    world.work()
    assert world.runs() == [("Source.csv", "completed", 1, 1)]
    with read_transaction(world.engine) as session:
        ann = session.scalars(select(Contact)).one()
    assert (ann.first_name, ann.attributes) == ("Ann", {"important": "true", "owed": "12.50"})

    with crm.begin() as connection:
        connection.execute(text("CREATE SEQUENCE written"))
    writing = "SELECT nextval('written') AS id, phone AS phone1 FROM person"
    with write_transaction(world.engine) as session:
        fields = SourceFields("Source", Kind.SQL, EVERY, url=postgres_url, query=writing)
        sources.update_source(session, ACTOR, source_id, fields, VAULT)
    assert "read-only transaction" in world.again(source_id).last_words
    with crm.begin() as connection:
        assert connection.scalar(text("SELECT is_called FROM written")) is False
    crm.dispose()


def test_rows_of_known_contacts_are_passed_over_where_that_is_wanted(world: World) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people", on_duplicate="skip")
    world.work()
    (world.drop / "1.csv").write_text(TEXT, "utf-8")
    world.again(source_id)
    (world.drop / "2.csv").write_text(TEXT.replace("Ann", "Eve") + "4,Di,2025550102\n", "utf-8")
    world.again(source_id)
    assert world.people() == {"Ann", "Zoë", "Di"}


def test_a_secret_does_not_follow_to_another_server(world: World) -> None:
    fields = SourceFields("Source", Kind.FTP, host="one.example", username="reader", secret="secret")
    with write_transaction(world.engine) as session:
        source_id = sources.create_source(session, ACTOR, world.list_id, fields, VAULT).id
    kept = replace(fields, secret=None, name="Renamed")
    with write_transaction(world.engine) as session:
        assert VAULT.decrypt(sources.update_source(session, ACTOR, source_id, kept, VAULT).secret_encrypted) == "secret"
    with write_transaction(world.engine) as session:
        moved = sources.update_source(session, ACTOR, source_id, replace(kept, host="two.example"), VAULT)
        assert moved.secret_encrypted == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (SourceFields("", "ftp"), "name: give"),
        (SourceFields("x", "gopher"), "kind: use one of"),
        (SourceFields("x", "folder", folder="../etc"), "folder: give the name"),
        (SourceFields("x", "ftp", host="a b"), "host: is neither"),
        (SourceFields("x", "ftp", host="a", port=70_000), "port: give"),
        (SourceFields("x", "ftp", host="a", pattern="../*"), "pattern: write"),
        (SourceFields("x", "sftp", host="a", fingerprint="MD5:00"), "fingerprint: write"),
        (SourceFields("x", "sql", url="sqlite:////etc/passwd", query="SELECT 1"), "url: a file on this machine"),
        (SourceFields("x", "sql", url="nonsense", query="SELECT 1"), "url: is no database"),
        (SourceFields("x", "sql", url="postgresql://u:p@h/d", query="SELECT 1"), "url: has a password in it"),
        (SourceFields("x", "sql", url="postgresql://h/d", query="DROP TABLE x"), "query: begins with SELECT"),
    ],
)
def test_refuses_a_source_with_field_and_mend(world: World, fields: SourceFields, words: str) -> None:
    with pytest.raises(Refused, match=words), write_transaction(world.engine) as session:
        sources.create_source(session, ACTOR, world.list_id, fields, VAULT)


def test_an_organization_s_administrator_reaches_no_database_of_this_machine(world: World) -> None:
    bound = Actor.system(1)
    for url in ("postgresql://localhost/clarion", "postgresql:///clarion?host=/run/postgresql"):
        fields = SourceFields("x", "sql", url=url, query="SELECT 1")
        with pytest.raises(Forbidden), write_transaction(world.engine) as session:
            sources.create_source(session, bound, world.list_id, fields, VAULT)


def test_no_error_of_a_source_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")

    def broken(*_: object) -> None:
        raise ClarionError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(running, "open_place", broken)
        world.work()
    assert (world.source(source_id).last_words, world.source(source_id).last_failed) == ("the disk is full", True)
    assert os.path.isdir(world.home) or world.again(source_id).last_words == "nothing new"


def test_a_dry_run_leaves_files_where_they_are_until_they_are_imported(world: World) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.drop.mkdir(parents=True)
    (world.drop / "1.csv").write_text(TEXT, "utf-8")
    with write_transaction(world.engine) as session:
        sources.run_now(session, ACTOR, source_id, dry=True)
    assert world.work() == 1
    assert world.source(source_id).last_words == "tried only: 1 taken"
    assert world.people() == set()
    assert (world.drop / "1.csv").exists()
    with write_transaction(world.engine) as session:
        tried = session.scalars(select(ImportRun).where(ImportRun.dry)).one()
        run = importing.start_tried(session, ACTOR, tried.id)
        Uploads(world.home).hand_over(Uploads(world.home).tried(tried.id), run.id)
        tried_id = tried.id
    assert world.again(source_id).last_words == "nothing new"
    assert world.people() == {"Ann", "Zoë"}
    assert not (world.drop / "1.csv").exists()
    with write_transaction(world.engine) as session, pytest.raises(Refused, match="brought this file since"):
        importing.start_tried(session, ACTOR, tried_id)


@pytest.mark.parametrize("dry", [True, False])
def test_what_is_asked_for_is_taken_with_the_lease_and_due_again_where_a_process_died(
    engine: Engine, list_id: int, dry: bool
) -> None:
    with write_transaction(engine) as session:
        source_id = sources.create_source(
            session, ACTOR, list_id, SourceFields("Folder", Kind.FOLDER, folder="x"), VAULT
        ).id
        sources.run_now(session, ACTOR, source_id, dry=dry)
    now, later = utcnow(), utcnow() + running.LEASE + timedelta(seconds=5)
    assert running.claim(engine, source_id, "one", now) is not None
    claimed = running.claim(engine, source_id, "two", later)
    assert claimed is not None
    assert running._is_dry(claimed) is dry
    running._give_back(engine, claimed, "two")
    again = running.claim(engine, source_id, "two", later)
    assert again is not None
    assert running._is_dry(again) is dry
    with write_transaction(engine) as session:
        sources.run_now(session, ACTOR, source_id, dry=not dry)
    running.finish(engine, source_id, "two", running.Tally(), later, dry=dry)
    other = running.claim(engine, source_id, "two", later)
    assert other is not None
    assert running._is_dry(other) is not dry
    running.finish(engine, source_id, "two", running.Tally(), later, dry=not dry)
    assert running.claim(engine, source_id, "two", later + running.LEASE) is None


@pytest.mark.parametrize("first", ["a try", "a run"])
def test_what_is_asked_for_while_a_source_is_fetched_comes_next(
    world: World, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.work()
    (world.drop / "1.csv").write_text(TEXT, "utf-8")

    def ask(*, dry: bool) -> None:
        with write_transaction(world.engine) as session:
            sources.run_now(session, ACTOR, source_id, dry=dry)

    real = running.Folder.leave if first == "a try" else running.Folder.finish

    def asked_meanwhile(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        (world.drop / "2.csv").write_text(TEXT.replace("Ann", "Bea"), "utf-8")
        ask(dry=first == "a run")

    ask(dry=first == "a try")
    with monkeypatch.context() as patched:
        patched.setattr(running.Folder, "leave" if first == "a try" else "finish", asked_meanwhile)
        assert world.work() == 1
    assert world.source(source_id).last_words == ("tried only: 1 taken" if first == "a try" else "1 taken")
    assert world.work() == 1
    assert world.source(source_id).last_words == ("2 taken" if first == "a try" else "tried only: 1 taken")
    assert (world.drop / "2.csv").exists() == (first == "a run")
    assert world.work() == 0


def test_a_try_whose_process_died_or_ended_is_a_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source_id = world.make(kind=Kind.FOLDER, folder="people")
    world.work()
    (world.drop / "1.csv").write_text(TEXT, "utf-8")

    class Killed(BaseException):
        """Stands for the end of the process."""

    for ends in ((Killed,), (running.Ending,), (Killed, running.Ending)):
        with write_transaction(world.engine) as session:
            sources.run_now(session, ACTOR, source_id, dry=True)

        for end in ends:
            with monkeypatch.context() as patched:
                patched.setattr(running, "open_place", Mock(side_effect=end))
                if end is Killed:
                    with pytest.raises(Killed):
                        world.another("dying").work(utcnow())
                    expire(world, source_id)
                else:
                    assert world.another("dying").work(utcnow()) == 0
        assert world.work() == 1
        assert world.source(source_id).last_words == "tried only: 1 taken"
    assert world.people() == set()
    assert world.work() == 0
