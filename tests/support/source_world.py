"""One list with the files of its servers, and the worker that fetches them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import Contact, DataSource, ImportRun
from app.security.access import Actor
from app.security.secrets import Vault
from app.services import sources
from app.services.sources import Kind, Repeats, Schedule, SourceFields, Sources
from app.web.importer import Importer
from common.clock import utcnow
from tests.support import file_servers
from tests.support.certificates import Authority

ACTOR = Actor.system()
VAULT = Vault("a key of the tests")
TEXT = "id,first_name,phone1\n1,Ann,2025550100\n2,Bo,call me\n3,Zoë,2025550101\n"
EVERY = Schedule(Repeats.EVERY, minutes=30)


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
            return [
                (run.file_name, run.state, run.rows_added + run.rows_updated + run.rows_unchanged, run.rows_rejected)
                for run in rows
            ]

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
