"""Data sources from real servers on loopback into both databases."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from sqlalchemy import Engine, create_engine, select, text, update

from app.db import read_transaction, write_transaction
from app.models import Contact, DataSource, ImportRun, Organization
from app.security.access import Actor, Forbidden
from app.security.secrets import Vault
from app.services import lists, sources
from app.services.sources import Kind, Repeats, Schedule, SourceFields, Sources, running
from app.web.importer import Importer
from common.clock import utcnow
from common.errors import ClarionError, Refused
from tests.support import file_servers
from tests.support.certificates import Authority

pytestmark = pytest.mark.integration

ACTOR = Actor.system()
VAULT = Vault("a key of the tests")
TEXT = "id,first_name,phone1\n1,Ann,2025550100\n2,Bo,call me\n3,Zoë,2025550101\n"
EVERY = Schedule(Repeats.EVERY, minutes=30)


@pytest.fixture
def list_id(engine: Engine) -> int:
    with write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        return lists.create_list(session, ACTOR, "People").id


@pytest.fixture
def world(sqlite_engine: Engine, tmp_path: Path) -> World:
    with write_transaction(sqlite_engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        list_id = lists.create_list(session, ACTOR, "People").id
    return World(sqlite_engine, tmp_path, list_id)


class World:
    """One list, the files of its servers, and a worker."""

    def __init__(self, engine: Engine, folder: Path, list_id: int) -> None:
        self.engine = engine
        self.home = folder / "home"
        self.files = folder / "files"
        self.files.mkdir()
        self.list_id = list_id
        self.worker = self.another("one")

    def another(self, owner: str) -> Sources:
        return Sources(self.engine, self.home, VAULT, owner, settled=0.01)

    def make(self, **fields: Any) -> int:
        wanted = SourceFields(**{"name": "Source", "schedule": EVERY, **fields})
        with write_transaction(self.engine) as session:
            return sources.create_source(session, ACTOR, self.list_id, wanted, VAULT).id

    def server(self, kind: Kind, port: int, **fields: Any) -> int:
        known = {"host": "127.0.0.1", "username": file_servers.LOGIN, "secret": file_servers.PASSWORD}
        return self.make(kind=kind, port=port, **{**known, **fields})

    def work(self) -> int:
        """Fetch what is due, and import it."""
        done = self.worker.work(utcnow())
        Importer(self.engine, self.home).work()
        return done

    def again(self, source_id: int) -> DataSource:
        """Run it once more; what came of it."""
        with write_transaction(self.engine) as session:
            sources.run_now(session, ACTOR, source_id)
        assert self.work() == 1
        return self.source(source_id)

    def source(self, source_id: int) -> DataSource:
        with read_transaction(self.engine) as session:
            return sources.get_source(session, ACTOR, source_id)

    def runs(self) -> list[tuple[str, str, int, int]]:
        with read_transaction(self.engine) as session:
            rows = session.scalars(select(ImportRun).order_by(ImportRun.id))
            return [(run.file_name, run.state, run.rows_added + run.rows_updated, run.rows_rejected) for run in rows]

    def people(self) -> set[str]:
        with read_transaction(self.engine) as session:
            return set(session.scalars(select(Contact.first_name)))

    def probe(self, source_id: int) -> sources.Probe:
        with read_transaction(self.engine) as session:
            return sources.probe(session, ACTOR, source_id, self.home, VAULT)

    @property
    def drop(self) -> Path:
        return self.home / "drop" / "1" / "people"


@contextmanager
def served(kind: Kind, folder: Path) -> Iterator[tuple[int, str]]:
    """A server of that kind: its port and fingerprint."""
    if kind == Kind.SFTP:
        with file_servers.Sftp(folder) as server:
            yield server.port, server.fingerprint
    elif kind == Kind.FTPS:
        pair = Authority(folder.parent).issue("127.0.0.1")
        certificate = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
        with file_servers.ftp(folder, pair.both) as port:
            yield port, hashlib.sha256(certificate).hexdigest()
    else:
        with file_servers.ftp(folder) as port:
            yield port, ""


@pytest.mark.parametrize("kind", [Kind.FTP, Kind.FTPS, Kind.SFTP])
def test_takes_each_file_of_a_server_once_and_a_changed_one_again(world: World, kind: Kind) -> None:
    (world.files / "people-1.csv").write_text(TEXT, "utf-8")
    (world.files / "other.txt").write_text("no", "utf-8")
    with served(kind, world.files) as (port, fingerprint):
        source_id = world.server(kind, port, fingerprint=fingerprint, pattern="people-*.csv")
        probe = world.probe(source_id)
        assert (probe.good, "1 files are meant: people-1.csv" in probe.words) == (True, True)
        assert world.work() == 1
        assert world.runs() == [("people-1.csv", "completed", 2, 1)]
        assert world.people() == {"Ann", "Zoë"}
        done = world.source(source_id)
        assert (done.last_words, done.last_failed, done.lease_owner) == ("1 taken", False, "")
        assert done.next_run_at is not None
        assert done.last_run_at is not None
        assert done.next_run_at - done.last_run_at == timedelta(minutes=30)
        assert world.work() == 0

        assert world.again(source_id).last_words == "nothing new"
        (world.files / "people-1.csv").write_text(TEXT + "4,Di,2025550102\n", "utf-8")
        assert world.again(source_id).last_words == "1 taken"
        assert "Di" in world.people()


@pytest.mark.parametrize("kind", [Kind.FTP, Kind.SFTP])
@pytest.mark.parametrize("afterwards", ["move", "delete"])
def test_tidies_up_on_the_server(world: World, kind: Kind, afterwards: str) -> None:
    (world.files / "good.csv").write_text(TEXT, "utf-8")
    (world.files / "bad.csv").write_text("no,columns\n", "utf-8")
    with served(kind, world.files) as (port, fingerprint):
        source_id = world.server(kind, port, fingerprint=fingerprint, afterwards=afterwards)
        world.work()
    left = sorted(str(path.relative_to(world.files)) for path in world.files.rglob("*.csv"))
    assert left == (["failed/bad.csv", "processed/good.csv"] if afterwards == "move" else ["bad.csv"])
    source = world.source(source_id)
    assert source.last_failed
    assert "no column is the id" in source.last_words
    assert [run[:2] for run in world.runs()] == [("bad.csv", "failed"), ("good.csv", "completed")]


def test_lists_a_server_that_has_no_mlsd(world: World) -> None:
    (world.files / "people.csv").write_text(TEXT, "utf-8")
    (world.files / "folder").mkdir()
    with file_servers.ftp(world.files, mlsd=False) as port:
        world.server(Kind.FTP, port)
        world.work()
    assert world.runs() == [("people.csv", "completed", 2, 1)]


def test_tells_nothing_to_a_server_whose_host_key_is_another(world: World) -> None:
    with file_servers.Sftp(world.files) as server:
        source_id = world.server(Kind.SFTP, server.port)
        probe = world.probe(source_id)
        assert not probe.good
        assert probe.fingerprint == server.fingerprint
        world.work()
        assert "none is saved here yet" in world.source(source_id).last_words
        with write_transaction(world.engine) as session:
            sources.pin(session, ACTOR, source_id, "SHA256:" + "x" * 43)
        assert "it is not the one that is saved here" in world.again(source_id).last_words
        assert server.logins == []
        with write_transaction(world.engine) as session:
            sources.pin(session, ACTOR, source_id, probe.fingerprint)
        assert world.again(source_id).last_words == "nothing new"
        assert server.logins == [file_servers.LOGIN]


def test_tells_nothing_to_a_server_whose_certificate_nobody_vouches_for(world: World) -> None:
    with served(Kind.FTPS, world.files) as (port, fingerprint):
        source_id = world.server(Kind.FTPS, port)
        probe = world.probe(source_id)
        assert not probe.good
        assert "no authority of this machine vouches for" in probe.words
        with write_transaction(world.engine) as session:
            sources.pin(session, ACTOR, source_id, "0" * 64)
        probe = world.probe(source_id)
        assert probe.fingerprint == fingerprint


def test_signs_in_by_a_private_key(world: World) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    known = world.home.parent / "authorized"
    known.write_bytes(key.export_public_key())
    (world.files / "people.csv").write_text(TEXT, "utf-8")
    with file_servers.Sftp(world.files, known) as server:
        secret = key.export_private_key().decode()
        source_id = world.server(Kind.SFTP, server.port, secret=secret, fingerprint=server.fingerprint)
        world.work()
    assert world.runs() == [("people.csv", "completed", 2, 1)]
    assert "PRIVATE" not in world.source(source_id).secret_encrypted


@pytest.mark.parametrize("kind", [Kind.FTP, Kind.SFTP])
def test_a_wrong_password_and_a_server_that_is_gone_are_told(world: World, kind: Kind) -> None:
    with served(kind, world.files) as (port, fingerprint):
        source_id = world.server(kind, port, fingerprint=fingerprint, secret="wrong")
        world.work()
        assert "refuses" in world.source(source_id).last_words
    words = world.again(source_id).last_words
    assert "does not answer" in words
    assert "wrong" not in words


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
