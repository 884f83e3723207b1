"""Where a person's data lies outside the tables: uploaded files, media servers, and pages that the database gave up."""

from __future__ import annotations

import asyncio
import gzip
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from glob import escape as glob_escape
from pathlib import Path
from typing import IO, Any, Protocol, Self

import structlog
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from app.core.traces import Traces
from app.db import read_transaction
from app.models import ImportRun, ImportState, MediaServer
from app.services.sources.folders import FAILED, PROCESSED, finished_at
from channels.voice.client import HttpMediaServer

log = structlog.get_logger()

#: Where exports of people's own data wait to be fetched, below the state directory.
EXPORTS = "exports"
_OPEN = (ImportState.QUEUED, ImportState.RUNNING)
#: Read at a time; so much of the last is looked at again, for what lies across the border.
_PIECE, _OVERLAP = 1 << 20, 4096
#: Of a packed file, beyond which it counts as holding anything: nobody sends a list of so many bytes in good faith.
_MOST_UNPACKED = 4 << 30
#: Where PostgreSQL keeps what was changed and deleted until it is vacuumed.
_SCOURED = (
    "address attempt attempt_result attempt_trace audit_entry consent_event consent_evidence contact dnc_entry"
    " import_reject test_call"
).split()
#: Seconds before and after a call in which what was rendered for it was last used.
_AROUND = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that may have left something on its media server; moments are ISO 8601."""

    attempt: str
    server: str
    since: str
    until: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> Self:
        return cls(**body)


class Files(Protocol):
    def imports_holding(self, engine: Engine, organization_id: int, traces: Traces) -> bool:
        """Is there an import under way whose file holds a trace?"""
        ...

    def remove_holding(self, engine: Engine, organization_id: int, traces: Traces) -> int:
        """Delete the files that hold a trace; how many."""
        ...

    def older(self, organization_id: int, before: datetime) -> Sequence[Path]:
        """Files that data sources are done with, taken or not, since before that moment."""
        ...


class MediaServers(Protocol):
    def forget(self, calls: Sequence[PastCall]) -> Mapping[str, int]:
        """Delete recordings and all else of the calls; how many by kind. Raise RemoteError where a server is away."""
        ...

    def recordings(self, calls: Sequence[PastCall]) -> Iterator[tuple[str, bytes]]:
        """Name and body of each recording of the calls. Raise RemoteError where a server is away."""
        ...


class StateFiles:
    """Below the state directory: uploads, what sources dropped and exports left, whatever made it."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def imports_holding(self, engine: Engine, organization_id: int, traces: Traces) -> bool:
        return any(self._is_wanted(engine, path) for path in self._holding(organization_id, traces))

    def remove_holding(self, engine: Engine, organization_id: int, traces: Traces) -> int:
        removed = 0
        for path in self._holding(organization_id, traces):
            if not self._is_wanted(engine, path):
                for part in path.parent.glob(f"{glob_escape(path.stem)}.*"):
                    part.unlink(missing_ok=True)
                    removed += 1
        return removed

    def older(self, organization_id: int, before: datetime) -> Sequence[Path]:
        drop = self._home / "drop" / str(organization_id)
        found = [path for name in (PROCESSED, FAILED) for path in drop.glob(f"*/{name}/*") if path.is_file()]
        return sorted(path for path in found if finished_at(path) < before)

    def _holding(self, organization_id: int, traces: Traces) -> Iterator[Path]:
        for folder in ("uploads", EXPORTS, f"drop/{organization_id}"):
            for path in sorted((self._home / folder).rglob("*")):
                if path.is_file() and holds(path, traces):
                    yield path

    def _is_wanted(self, engine: Engine, path: Path) -> bool:
        """`uploads/import-12.csv` is of run 12; a dropped file waits until it is in `processed` or `failed`."""
        if path.is_relative_to(self._home / "drop"):
            return path.parent.name not in (PROCESSED, FAILED)
        name, _, number = path.stem.partition("-")
        if name != "import" or not number.isdecimal():
            return False
        with read_transaction(engine) as session:
            return session.scalar(select(ImportRun.state).where(ImportRun.id == int(number))) in _OPEN


def holds(path: Path, traces: Traces) -> bool:
    """In plain text of any encoding that lists come in, and in packed files (workbooks too). What cannot be unpacked
    is looked at as it is."""
    try:
        return any(traces.found_in(piece) for piece in _texts(path))
    except FileNotFoundError:
        return False  # somebody else has removed it
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        log.warning("file_unreadable", file=path.name, error=type(error).__name__)
        return True


def _texts(path: Path) -> Iterator[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    yield from _pieces(file)
        return
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=file) as inner:
                yield from _pieces(inner)
        else:
            yield from _pieces(file)


def _pieces(file: IO[bytes] | gzip.GzipFile) -> Iterator[str]:
    last, total = b"", 0
    while piece := file.read(_PIECE):
        total += len(piece)
        if total > _MOST_UNPACKED:
            raise zlib.error("unpacks to more than any list has")
        whole = last + piece
        # Of UTF-16 the zero bytes go: what is looked for is told apart without them.
        yield whole.replace(b"\0", b"").decode("utf-8", "replace")
        if any(byte > 127 for byte in whole[:_OVERLAP]):
            yield whole.decode("utf-16-le" if whole[1:2] == b"\0" else "latin-1", "replace")
        last = whole[-_OVERLAP:]


class HttpMediaServers:
    """Asks each media server by its control API."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine = engine
        self._token = token

    def forget(self, calls: Sequence[PastCall]) -> Mapping[str, int]:
        known, urls = self._known(calls)
        removed = asyncio.run(self._forget(known, urls)) if known else 0
        # Of a server that was taken out of use nobody can ask any more: the count says so.
        return {"recordings": removed, "calls_on_unknown_servers": len(calls) - len(known)}

    def recordings(self, calls: Sequence[PastCall]) -> Iterator[tuple[str, bytes]]:
        known, urls = self._known(calls)
        for call in known:
            yield from asyncio.run(self._recordings(call, urls[call.server])).items()

    def _known(self, calls: Sequence[PastCall]) -> tuple[list[PastCall], dict[str, str]]:
        """The calls whose media server can be asked, and where."""
        with read_transaction(self._engine) as session:
            rows = session.execute(select(MediaServer.name, MediaServer.url))
            urls = {name: url for name, url in rows}
        return [call for call in calls if call.server in urls], urls

    async def _recordings(self, call: PastCall, url: str) -> dict[str, bytes]:
        client = HttpMediaServer(url, self._token)
        try:
            return await client.recordings(call.attempt)
        finally:
            await client.close()

    async def _forget(self, calls: Sequence[PastCall], urls: Mapping[str, str]) -> int:
        clients = {server: HttpMediaServer(urls[server], self._token) for server in {call.server for call in calls}}
        try:
            removed = 0
            for call in calls:
                since, until = (datetime.fromisoformat(moment) for moment in (call.since, call.until))
                removed += await clients[call.server].forget(call.attempt, since - _AROUND, until + _AROUND)
            return removed
        finally:
            for client in clients.values():
                await client.close()


def scour(engine: Engine) -> None:
    """Take what was deleted out of the files too, as far as the database lets one.

    SQLite overwrites what it deletes (`secure_delete`), so only its write-ahead log is left to be emptied, which waits
    for readers. PostgreSQL frees the rows at the vacuum that this asks for; their pages are used again later.
    """
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"VACUUM {', '.join(_SCOURED)}"))
            else:
                raw: Any = connection.connection.dbapi_connection
                raw.execute("COMMIT") if raw.in_transaction else None
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except OperationalError as error:
        log.warning("scouring_failed", error=type(error.orig).__name__)
