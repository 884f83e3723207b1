"""What goes from reading to writing: contacts of a few hundred rows, in the shape that the database takes."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from app.core.phone import Numbering, reader_for
from app.intake import batches, reading
from app.intake.columns import ADDRESS, Address, ColumnPreparer, Person, Prepared
from app.intake.kept_blocks import going_on
from app.intake.sieve import Sieve, suspects

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
    #: Folder of the number blocks that earlier imports have learnt (`kept_blocks`); "" keeps none.
    memory: str = ""
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
        job.columns, job.mapping, job.types, job.home_country,
        first_counts=job.first_counts, numbering=numbering, as_jsonb=job.as_copy,
    )  # fmt: skip
    sieve = Sieve(job.sieve_bits, job.sieve_kinds) if job.sieve_bits is not None else None
    with reading.open_text(Path(job.path)) as file, going_on(job.memory, reader_for(job.home_country)):
        for batch in batches.batches(file, form, job.passed):
            yield chunk_of(preparer.prepare(batch), file.buffer.tell(), job.as_copy, sieve)


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
