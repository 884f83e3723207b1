"""Files fetched from real FTP, FTPS and SFTP servers on loopback."""

from __future__ import annotations

from datetime import timedelta

import asyncssh
import pytest

from app.db import write_transaction
from app.services import sources
from app.services.sources import Kind
from tests.support import file_servers
from tests.support.source_world import ACTOR, TEXT, World, served

pytestmark = pytest.mark.integration


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
