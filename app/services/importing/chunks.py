"""What goes from reading to writing: contacts of a few hundred rows, in the shape that the database takes.

A large file is read by a process of its own (`__main__`), so that one core reads while the other writes.
"""

from __future__ import annotations

import fcntl
import gc
import marshal
import queue
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

from app.core.phone import Numbering
from app.services.importing import batches, reading
from app.services.importing.columns import ADDRESS, Address, ColumnPreparer, Person, Prepared
from app.services.importing.sieve import Sieve, suspects
from common.errors import ClarionError, Refused

#: Bytes of a file that is worth a process: it takes most of a second to start.
WORTH_A_PROCESS = 8_000_000
#: Bytes that may wait in the pipe between the two, where the system lets us.
_PIPE = 1 << 20
#: Chunks that may wait behind it: the file is read on while a transaction of as many is written.
_AHEAD = 48
_F_SETPIPE_SZ = 1031
#: Objects made before Python looks for cycles among them: rows have none.
RARELY = 20_000
LENGTH = struct.Struct(">I")
END, REFUSED = "end", "refused"
_COUNTRY_AND_KIND = itemgetter(1 + ADDRESS.index("country"), 1 + ADDRESS.index("number_type"))
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True, slots=True)
class Job:
    """What to read and how; `passed` records were taken before. `as_copy` gives rows as lines for COPY."""

    path: str
    delimiter: str
    columns: tuple[str, ...]
    mapping: dict[str, str]
    types: dict[str, str]
    home_country: str
    passed: int
    as_copy: bool
    #: `Sieve.bits` and its kinds, where there is one.
    sieve_bits: bytes | None = None
    sieve_kinds: tuple[str, ...] = ()
    #: Of rows with one id the first is kept, not the last.
    first_counts: bool = False
    #: `Numbering.to_json` of the organization.
    numbering: Mapping[str, Any] = field(default_factory=dict)


class Chunk(NamedTuple):
    """`rows` records were read, up to byte `position` of the file. `owners` say whose each address is, by the place
    among the people; people and addresses are tuples, or lines of COPY's text format."""

    rows: int
    position: int
    external_ids: list[str]
    people: list[Any]
    owners: list[int]
    addresses: list[Any]
    repeated: int
    rejects: list[tuple[int, str, str, str]]
    #: Place, kind and value of those that a do-not-call list may hold.
    suspects: list[tuple[int, str, str]]
    #: Ids of rejected rows; of `unread` others not even that is known, and the last of all is one where `ends_unread`.
    refused_ids: list[str]
    unread: int
    ends_unread: bool
    #: How many of the numbers are of a country and kind, as `ImportRun.numbers`.
    numbers: dict[str, int]


def chunks(job: Job) -> Iterator[Chunk]:
    """Read the file here and now."""
    form = reading.Format(job.delimiter, job.columns)
    numbering = Numbering.from_json(job.numbering)
    preparer = ColumnPreparer(
        job.columns, job.mapping, job.types, job.home_country, first_counts=job.first_counts, numbering=numbering
    )
    sieve = Sieve(job.sieve_bits, job.sieve_kinds) if job.sieve_bits is not None else None
    with reading.open_text(Path(job.path)) as file:
        for batch in batches.batches(file, form, job.passed):
            yield chunk_of(preparer.prepare(batch), file.buffer.tell(), job.as_copy, sieve)


@contextmanager
def chunks_of(job: Job, size: int) -> Iterator[Iterator[Chunk]]:
    """Read the file, of `size` bytes, in a process of its own if it is large. Raise Refused as `chunks` does."""
    if size < WORTH_A_PROCESS:
        yield chunks(job)
        return
    command, ahead = [sys.executable, "-m", "app.services.importing"], None
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            _widen(process.stdout)
            process.stdin.write(marshal.dumps(asdict(job)))
            process.stdin.close()
            ahead = _Ahead(process.stdout)
            with _COLLECTING.rarely():
                yield _received(ahead)
        finally:
            process.kill()
            if ahead is not None:
                ahead.close()


class _Collecting:
    """How often this process looks for cycles; as usual again after the last of the imports that run at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._usual = gc.get_threshold()

    @contextmanager
    def rarely(self) -> Iterator[None]:
        self._enter(1)
        try:
            yield
        finally:
            self._enter(-1)

    def _enter(self, change: int) -> None:
        with self._lock:
            if not self._users:
                self._usual = gc.get_threshold()
            self._users += change
            gc.set_threshold(*((RARELY,) if self._users else self._usual))


_COLLECTING = _Collecting()


class _Ahead:
    """What comes out of a pipe, taken by a thread so that the other end need not wait. It is left as bytes: the thread
    that writes to the database would have to share the interpreter with one that makes objects of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._free = threading.Semaphore(_AHEAD)
        self._bodies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._take, name="import-ahead", daemon=True)
        self._thread.start()

    def get(self) -> bytes:
        """Empty at the pipe's end."""
        body = self._bodies.get()
        self._free.release()
        return body

    def close(self) -> None:
        """Once whoever fills the pipe is gone."""
        self._closed = True
        self._free.release()
        self._thread.join()

    def _take(self) -> None:
        body = b"\0"
        while body:
            self._free.acquire()
            head = b"" if self._closed else self._pipe.read(LENGTH.size)
            body = self._pipe.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
            self._bodies.put(body)


def _received(ahead: _Ahead) -> Iterator[Chunk]:
    while True:
        body = ahead.get()
        if not body:
            raise ClarionError("the process that reads the file has ended; the log says why")
        kind, *values = marshal.loads(body)  # noqa: S302 - from our own child
        if kind == END:
            return
        if kind == REFUSED:
            raise Refused(values[0])
        yield Chunk(kind, *values)


def chunk_of(prepared: Prepared, position: int, as_copy: bool, sieve: Sieve | None = None) -> Chunk:
    held = suspects(sieve, prepared.people, prepared.addresses)
    owners = [address[0] for address in prepared.addresses]
    ids = [person[0] for person in prepared.people]
    rejects = [(reject.line, reject.field, reject.reason, reject.text) for reject in prepared.rejects]
    people: list[Any]
    addresses: list[Any]
    if as_copy:
        people, addresses = _person_lines(prepared.people), _address_lines(prepared.addresses)
    else:
        people, addresses = [(place, *person) for place, person in enumerate(prepared.people)], prepared.addresses
    return Chunk(
        prepared.rows, position, ids, people, owners, addresses, prepared.repeated, rejects, held,
        prepared.refused_ids, len(rejects) - len(prepared.refused_ids), prepared.ends_unread,
        _by_kind(prepared.addresses),
    )  # fmt: skip


def _by_kind(addresses: Sequence[Address]) -> dict[str, int]:
    counts = Counter(map(_COUNTRY_AND_KIND, addresses))
    return {f"{country} {kind}": count for (country, kind), count in counts.items() if kind}


def _person_lines(people: Sequence[Person]) -> list[str]:
    lines = ["\t".join(person) for person in people]
    return lines if _is_plain(lines, 6) else ["\t".join(map(escaped, person)) for person in people]


def _address_lines(addresses: Sequence[Address]) -> list[str]:
    lines = [
        f"{kind}\t{name}\t{position}\t{value}\t{original}\t{country}\t{zones}\t{number_type}"
        for _, kind, name, position, value, original, country, zones, number_type in addresses
    ]
    return lines if _is_plain(lines, 7) else ["\t".join(escaped(str(cell)) for cell in row[1:]) for row in addresses]


def _is_plain(lines: Sequence[str], tabs: int) -> bool:
    text = "".join(lines)
    return "\\" not in text and text.count("\t") == tabs * len(lines) and "\n" not in text and "\r" not in text


def escaped(cell: str) -> str:
    """As COPY's text format has it."""
    return cell.translate(_ESCAPED)


def unescaped(line: str) -> list[str]:
    """The cells of a line of COPY's text format as this module writes it."""
    cells = line.split("\t")
    if "\\" not in line:
        return cells
    plain = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
    return [_plain_of(cell, plain) for cell in cells]


def _plain_of(cell: str, plain: dict[str, str]) -> str:
    parts, at = list[str](), 0
    while (found := cell.find("\\", at)) >= 0:
        parts += (cell[at:found], plain[cell[found : found + 2]])
        at = found + 2
    return "".join(parts) + cell[at:]


def _widen(pipe: IO[bytes]) -> None:
    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, _PIPE)
