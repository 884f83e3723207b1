"""The journal of attempt ids: on disk before the INVITE leaves, so that no restart can dial an attempt twice.

One JSON line `{"attempt": id, "boot": ..., "at": ...}` when a call begins and one with its `status` when it has ended,
in one file per UTC day. Writers share an fsync: whoever comes while one is running waits for the next. In memory are
the attempts without an outcome; the others are looked up on disk.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from common.control import CallStatus, Disposition
from common.tasks import note_failure
from mediaserver.attempt_index import AttemptIndex

#: Days a finished attempt is remembered, beside today.
KEEP_DAYS = 2
_PATTERN = "attempts-????-??-??.jsonl"
#: Outcomes put into the index together at the start.
_AT_ONCE = 1000

log = structlog.get_logger()


@dataclass(slots=True)
class _Day:
    """One file, and where the outcomes of attempts stand in it."""

    file: Path
    _index: AttemptIndex | None = field(default=None)

    def write(self, lines: Sequence[_Line]) -> None:
        """Append and fsync."""
        offset = _write(self.file, b"".join(line.text for line in lines))
        places = []
        for line in lines:
            if line.boot is None:
                places.append((line.attempt, offset, len(line.text)))
            offset += len(line.text)
        self.remember(places)

    def remember(self, places: Sequence[tuple[str, int, int]]) -> None:
        """Attempts with the offset and length of their lines."""
        if places:
            self._index = self._index or AttemptIndex(self.file.with_suffix(".index"))
            self._index.put(places)

    def find(self, attempt: str) -> CallStatus | None:
        place = None if self._index is None else self._index.find(attempt)
        if place is None:
            return None
        offset, length = place
        with self.file.open("rb") as file:
            file.seek(offset)
            body: Mapping[str, Any] = orjson.loads(file.read(length))["status"]
        return CallStatus.from_json(body)

    def overwrite(self, attempt: str, entry: bytes) -> None:
        """Put a shorter entry in the place of the attempt's outcome, on disk; no other entry moves."""
        place = None if self._index is None else self._index.find(attempt)
        if place is None:
            return
        offset, length = place
        with self.file.open("rb+") as journal:
            journal.seek(offset)
            journal.write(entry.ljust(length - 1) + b"\n")
            journal.flush()
            os.fsync(journal.fileno())

    def close(self) -> None:
        if self._index is not None:
            self._index.close()


@dataclass(frozen=True, slots=True)
class _Line:
    """`boot` is the one that an attempt begins in, None with an outcome."""

    text: bytes
    attempt: str
    boot: str | None


class Journal:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        #: Attempts that have no outcome, and the boot they began in.
        self._begun: dict[str, str] = {}
        self._pending: list[_Line] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._flusher: asyncio.Task[None] | None = None
        #: The last one is today.
        self._days: list[_Day] = []

    def open(self, today: datetime) -> None:
        """Read what earlier runs left; files older than KEEP_DAYS are deleted, a torn last line is passed over."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self.begin_day(today)
        earlier = [_Day(file) for file in sorted(self._directory.glob(_PATTERN)) if file != self._days[-1].file]
        self._days[:0] = earlier
        for day in self._days:
            if day.file.exists():
                self._read(day)

    def begin_day(self, today: datetime) -> None:
        """Forget finished attempts older than KEEP_DAYS: a server may run for months."""
        oldest = _name(today - timedelta(days=KEEP_DAYS))
        for day in self._days:
            if day.file.name < oldest:
                day.close()
        self._days = [day for day in self._days if day.file.name >= oldest]
        self._days.append(_Day(self._directory / _name(today)))
        for file in self._directory.glob(_PATTERN):
            if file.name < oldest:
                file.unlink()

    def _read(self, day: _Day) -> None:
        offset, places = 0, []
        with day.file.open("rb") as lines:
            for line in lines:
                try:
                    entry = orjson.loads(line)
                    attempt = entry["attempt"]
                except (ValueError, KeyError, TypeError):
                    log.warning("journal_line_unreadable", file=day.file.name, offset=offset)
                else:
                    if "status" in entry:
                        places.append((attempt, offset, len(line)))
                        self._begun.pop(attempt, None)
                    else:
                        self._begun[attempt] = entry.get("boot", "")
                offset += len(line)
                if len(places) >= _AT_ONCE:
                    day.remember(places)
                    places = []
        day.remember(places)

    def __contains__(self, attempt: str) -> bool:
        return self.outcome(attempt) is not None

    def outcome(self, attempt: str) -> CallStatus | None:
        """The recorded outcome; `LOST` for one that began in an earlier run and has none; None when unknown."""
        for day in reversed(self._days):
            if (status := day.find(attempt)) is not None:
                return status
        if attempt not in self._begun:
            return None
        boot, reason = self._begun[attempt], "the media server restarted during the call"
        return CallStatus(attempt, boot, "ended", Disposition.LOST, reason=reason)

    async def begin(self, attempt: str, boot_id: str, at: str) -> None:
        """Return once the attempt is on disk. Raise OSError when it cannot be written."""
        await self._append({"attempt": attempt, "boot": boot_id, "at": at}, attempt, boot_id)

    async def end(self, status: CallStatus) -> None:
        """Record an outcome; the trace stays in memory, since it may be long and is only for looking at."""
        body = replace(status, trace=()).to_json()
        await self._append({"attempt": status.attempt_id, "status": body}, status.attempt_id, None)

    async def forget(self, attempt: str) -> None:
        """Keep that it was dialled and how it ended, and nothing a person said or pressed in it. On disk at the end."""
        for day in self._days:
            if (known := day.find(attempt)) is not None:
                line = orjson.dumps({"attempt": attempt, "status": anonymous(known).to_json()})
                await asyncio.to_thread(day.overwrite, attempt, line)

    async def close(self) -> None:
        if self._flusher is not None:
            await self._flusher
        for day in self._days:
            day.close()

    async def _append(self, entry: Mapping[str, Any], attempt: str, boot: str | None) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Line(orjson.dumps(entry) + b"\n", attempt, boot))
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
                if self._days[-1].file.name != _name(today):
                    self.begin_day(today)
                await asyncio.to_thread(self._days[-1].write, pending)
            except Exception as error:
                # Whatever it is, whoever waits must hear of it: a call that is never placed would wait for ever.
                if not isinstance(error, OSError):
                    note_failure("journal", error)
                log.error("journal_not_written", error=_words(error))
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(error if isinstance(error, OSError) else OSError(_words(error)))
                continue
            for line in pending:
                if line.boot is None:
                    self._begun.pop(line.attempt, None)
                else:
                    self._begun[line.attempt] = line.boot
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)


def anonymous(status: CallStatus) -> CallStatus:
    """Without what a person said, pressed or is called; a reason may quote a name the far end sent."""
    return replace(status, dtmf="", exit={}, trace=(), reason="", release="")


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


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
