"""A PostgreSQL of the tests' own: fresh data directory, private Unix socket, no TCP port, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.support import processes

OLDEST = 14
START_SECONDS = 100.0
#: Durability is not what these tests look at; the crash tests kill our processes, never the database.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB")


class PostgresMissing(RuntimeError):
    """No PostgreSQL 14 or later under /usr/lib/postgresql: run `script/setup --test`."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; the superuser is `clarion` and needs no password on the private socket."""

    socket_directory: Path

    def url(self, database: str = "postgres") -> str:
        """An SQLAlchemy URL."""
        return f"postgresql+psycopg://clarion@/{database}?host={quote(str(self.socket_directory), safe='')}"

    def create_database(self, name: str) -> str:
        """Create an empty database and return its SQLAlchemy URL."""
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            host=str(self.socket_directory), user="clarion", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


def binaries() -> Path:
    """The newest installed server's program directory."""
    found = sorted(
        (int(path.parent.name), path)
        for path in Path("/usr/lib/postgresql").glob("*/bin")
        if path.parent.name.isdigit() and (path / "initdb").exists()
    )
    if not found or found[-1][0] < OLDEST:
        raise PostgresMissing(PostgresMissing.__doc__)
    return found[-1][1]


def unprivileged_user() -> str:
    """Who runs the server: PostgreSQL refuses root. Empty when we are not root ourselves."""
    if os.geteuid() != 0:
        return ""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _initialise(programs: Path, base: Path, user: str) -> None:
    command = [programs / "initdb", "-D", base / "data", "-U", "clarion", "-A", "trust", "-E", "UTF8", "--locale=C"]
    made = processes.start([*command, "--no-sync"], base / "log", user=user, cwd=base)
    if made.wait(60) != 0:
        raise RuntimeError(f"initdb failed:\n{(base / 'log').read_text()}")


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once:\n{log.read_text()}")
        try:
            psycopg.connect(host=str(server.socket_directory), user="clarion", dbname="postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def private_postgres(options: tuple[str, ...] = FAST) -> Iterator[Server]:
    """Start a server; `options` are postgresql.conf settings. Durable settings: pass `()`."""
    programs, user = binaries(), unprivileged_user()
    base = Path(tempfile.mkdtemp(prefix="clarion-pg-"))
    process = None
    try:
        if user:
            shutil.chown(base, user)
        _initialise(programs, base, user)
        # SIGINT is PostgreSQL's fast shutdown.
        command = [programs / "postgres", "-D", base / "data", "-k", base, "-c", "listen_addresses="]
        for option in options:
            command += ["-c", option]
        process = processes.start(command, base / "log", user=user, cwd=base, death_signal="INT")
        server = Server(base)
        _wait_until_ready(server, process, base / "log")
        yield server
    finally:
        if process is not None:
            processes.stop(process, by=signal.SIGINT, seconds=20)
        shutil.rmtree(base, ignore_errors=True)
