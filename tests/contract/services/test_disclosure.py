"""A person is told everything that is held of them, and nothing of anybody else."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import AuditEntry, ExportState, SubjectExport
from app.security import pseudonyms
from app.security.access import Actor, NotFound
from app.security.secrets import Vault
from app.services import privacy
from app.services.privacy import disclosure, erasure, stores
from common.clock import utcnow
from common.errors import RemoteError
from tests.support import traced_person as traced
from tests.support.job_rows import make_job

ROOT = Actor.system()
KEY = "the installation's own secret"
VAULT = Vault(KEY)


class Servers:
    away = False

    def forget(self, calls: Sequence[stores.PastCall]) -> dict[str, int]:
        return {}

    def recordings(self, calls: Sequence[stores.PastCall]) -> Iterator[tuple[str, bytes]]:
        if self.away:
            raise RemoteError("media server ms-1 does not answer")
        yield from ((f"2026-01-05/{call.attempt}-1.wav", b"RIFF") for call in calls)


@pytest.fixture
def left(engine: Engine, tmp_path: Path) -> traced.Left:
    pseudonyms.attach(engine, KEY)
    return traced.leave(engine, make_job(engine, 2), tmp_path / "state", "ms-1")


def ask(engine: Engine, left: traced.Left) -> int:
    with write_transaction(engine) as session:
        person = privacy.find_person(session, ROOT, "contact", str(left.contact_id))
        return privacy.request_export(session, ROOT, VAULT, person, "case 13").id


def test_everything_is_in_it_and_every_fetch_is_noted(engine: Engine, left: traced.Left, tmp_path: Path) -> None:
    number, home = ask(engine, left), tmp_path / "state"
    assert disclosure.make_next(engine, VAULT, home, Servers())
    assert not disclosure.make_next(engine, VAULT, home, Servers())
    with write_transaction(engine) as session:
        path = privacy.fetch_export(session, ROOT, number, home)
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        held = json.loads(archive.read("data.json"))
        text = archive.read("data.json").decode()
        assert archive.read(next(name for name in names if name.startswith("evidence/"))) == traced.EMAIL.encode()
        assert traced.NUMBER.encode() in archive.read("address.csv")
    assert {"contact.csv", "attempt.csv", "attempt_trace.csv", "import_reject.csv", "test_call.csv"} <= names
    assert f"recordings/2026-01-05_{left.attempt_id}-1.wav" in names
    assert {row["external_id"] for row in held["contact"]} == {traced.EXTERNAL, traced.EXTERNAL + "b"}
    assert len(held["attempt"]) == 2
    assert len(held["consent_event"]) == 2
    assert len(held["dnc_entry"]) == 3
    assert [row["line"] for row in held["import_reject"]] == [2, 3]
    assert "Lovelace" not in text
    with read_transaction(engine) as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.kind == "subject_export")).all()
        row = session.get_one(SubjectExport, number)
    assert sorted(actions) == ["subject_export.complete", "subject_export.fetch", "subject_export.request"]
    assert (row.state, row.subject, row.contents["recordings"]) == (ExportState.READY, "", 1)


def test_it_waits_for_servers_that_are_away_and_ends_after_its_week(
    engine: Engine, left: traced.Left, tmp_path: Path
) -> None:
    number, home, servers = ask(engine, left), tmp_path / "state", Servers()
    servers.away = True
    assert disclosure.make_next(engine, VAULT, home, servers)
    assert [path.name for path in (home / "exports").iterdir()] == [traced.EXPORT]
    assert not disclosure.make_next(engine, VAULT, home, servers)  # not at once again
    with write_transaction(engine) as session:
        session.execute(update(SubjectExport).values(lease_until=None))
    servers.away = False
    assert disclosure.make_next(engine, VAULT, home, servers)
    with write_transaction(engine) as session:
        session.execute(update(SubjectExport).values(expires_at=utcnow() - timedelta(seconds=1)))
    with write_transaction(engine) as session, pytest.raises(NotFound):
        privacy.fetch_export(session, ROOT, number, home)
    disclosure.make_next(engine, VAULT, home, servers)
    assert [path.name for path in (home / "exports").iterdir()] == [traced.EXPORT]


def test_an_erasure_takes_the_export_too(engine: Engine, left: traced.Left, tmp_path: Path) -> None:
    number, home = ask(engine, left), tmp_path / "state"
    disclosure.make_next(engine, VAULT, home, Servers())
    with write_transaction(engine) as session:
        person = privacy.find_person(session, ROOT, "contact", str(left.contact_id))
        erased = privacy.request_erasure(session, ROOT, VAULT, person).id
    assert erasure.advance(engine, VAULT, erased, stores.StateFiles(home), Servers())
    assert traced.found_in_files(home) == []
    with write_transaction(engine) as session, pytest.raises(NotFound):
        privacy.fetch_export(session, ROOT, number, home)
