"""The journal of attempt ids: on disk before the INVITE leaves, so that no restart can dial an attempt twice.

One JSON line `{"attempt": id, "boot": ..., "at": ...}` when a call begins and one with its `status` when it has ended,
in one file per UTC day. Writers share an fsync: whoever comes while one is running waits for the next.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from common.control import CallStatus, Disposition

#: Days a finished attempt is remembered, beside today.
KEEP_DAYS = 2
_PATTERN = "attempts-????-??-??.jsonl"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the outcome of an attempt stands on disk."""

    file: Path
    offset: int
    length: int


class Journal:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, _Place | None] = {}
        self._boots: dict[str, str] = {}
        self._pending: list[tuple[bytes, str, bool]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None
        #: Today's, one object for all its entries.
        self._file = directory / _name(datetime.min.replace(tzinfo=UTC))

    def open(self, today: datetime) -> None:
        """Read what earlier runs left; files older than KEEP_DAYS are deleted, a torn last line is passed over."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self.begin_day(today)
        for file in sorted(self._directory.glob(_PATTERN)):
            self._read(file)

    def begin_day(self, today: datetime) -> None:
        """Forget finished attempts older than KEEP_DAYS, in memory as on disk: a server may run for months."""
        self._file = self._directory / _name(today)
        oldest = _name(today - timedelta(days=KEEP_DAYS))
        for file in self._directory.glob(_PATTERN):
            if file.name < oldest:
                file.unlink()
        self._known = {
            attempt: place for attempt, place in self._known.items() if place is None or place.file.name >= oldest
        }

    def _read(self, file: Path) -> None:
        offset = 0
        with file.open("rb") as lines:
            for line in lines:
                try:
                    entry = orjson.loads(line)
                    attempt = entry["attempt"]
                except (ValueError, KeyError, TypeError):
                    log.warning("journal_line_unreadable", file=file.name, offset=offset)
                else:
                    if "status" in entry:
                        self._known[attempt] = _Place(file, offset, len(line))
                        self._boots.pop(attempt, None)
                    else:
                        self._known.setdefault(attempt, None)
                        self._boots[attempt] = entry.get("boot", "")
                offset += len(line)

    def __contains__(self, attempt: str) -> bool:
        return attempt in self._known

    def outcome(self, attempt: str) -> CallStatus | None:
        """The recorded outcome; `LOST` for one that began in an earlier run and has none; None when unknown."""
        if attempt not in self._known:
            return None
        place = self._known[attempt]
        if place is None:
            boot = self._boots.get(attempt, "")
            return CallStatus(
                attempt, boot, "ended", Disposition.LOST, reason="the media server restarted during the call"
            )
        with place.file.open("rb") as file:
            file.seek(place.offset)
            body: Mapping[str, Any] = orjson.loads(file.read(place.length))["status"]
        return CallStatus.from_json(body)

    async def begin(self, attempt: str, boot_id: str, at: str) -> None:
        """Return once the attempt is on disk. Raise OSError when it cannot be written."""
        await self._append({"attempt": attempt, "boot": boot_id, "at": at}, attempt, outcome=False)
        self._boots[attempt] = boot_id

    async def end(self, status: CallStatus) -> None:
        """Record an outcome; the trace stays in memory, since it may be long and is only for looking at."""
        body = replace(status, trace=()).to_json()
        await self._append({"attempt": status.attempt_id, "status": body}, status.attempt_id, outcome=True)

    async def close(self) -> None:
        if self._flusher is not None:
            await self._flusher

    async def _append(self, entry: Mapping[str, Any], attempt: str, *, outcome: bool) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((orjson.dumps(entry) + b"\n", attempt, outcome))
        self._waiters.append(done)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._pending:
            pending, waiters = self._pending, self._waiters
            self._pending, self._waiters = [], []
            today = datetime.now(UTC)
            try:
                if self._file.name != _name(today):
                    self.begin_day(today)
                file = self._file
                offset = await asyncio.to_thread(_write, file, b"".join(line for line, _, _ in pending))
            except OSError as error:
                log.error("journal_not_written", error=error.strerror)
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(error)
                continue
            for line, attempt, outcome in pending:
                self._known[attempt] = _Place(file, offset, len(line)) if outcome else None
                if outcome:
                    self._boots.pop(attempt, None)
                offset += len(line)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


def _name(day: datetime) -> str:
    return f"attempts-{day.date().isoformat()}.jsonl"


def _write(file: Path, lines: bytes) -> int:
    """Append and fsync; the offset they begin at. A torn line of a crash is closed first."""
    new = not file.exists()
    with file.open("ab+") as journal:
        start = journal.seek(0, os.SEEK_END)
        if start:
            journal.seek(start - 1)
            if journal.read(1) != b"\n":
                journal.write(b"\n")
                start += 1
        journal.write(lines)
        journal.flush()
        os.fsync(journal.fileno())
    if new:
        # The name of a new file lives in its directory, which has to be on disk as well.
        directory = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    return start
