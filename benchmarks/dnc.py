"""The do-not-call look-up of the dialing process among ten million entries, beside a Python set and a sorted array.

The engine asks in SQL, for a batch of contacts at a time, as it does before every attempt; nothing of the list is kept
in its memory. The set and the array (64-bit hashes, sorted, numpy) are what it would take to keep it there.

    python -m benchmarks.dnc [--entries N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
from sqlalchemy import Engine, text

from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import DncList, Organization
from app.services.dnc import blocked, subjects_of
from tests.support.postgres import private_postgres

MOST_MICROSECONDS = 20.0
MOST_BYTES = 64.0
#: As many contacts as an engine judges at a time; each has a number and two IDs.
CONTACTS = 200
ROUNDS = 60
_NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def fill(engine: Engine, entries: int) -> int:
    """An organization whose list has so many numbers; made by the database itself."""
    with write_transaction(engine) as session:
        session.add(home := Organization(name="Bench", created_at=_NOW))
        session.flush()
        session.add(listed := DncList(organization_id=home.id, name="List", created_at=_NOW))
        session.flush()
        numbers = (
            "SELECT generate_series(0, :most) AS n"
            if engine.dialect.name == "postgresql"
            else "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < :most) SELECT n FROM s"
        )
        number = "'+1' || (2000000000 + CAST(n AS bigint) * 700)"
        session.execute(
            text(
                "INSERT INTO dnc_entry (dnc_list_id, organization_id, kind, value, source, proof, created_at)"
                f" SELECT :list, :home, 'phone', {number}, 'import', '', :now FROM ({numbers}) AS numbers"
            ),
            {
                "list": listed.id, "home": home.id, "most": entries - 1,
                "now": _NOW if engine.dialect.name == "postgresql" else "2026-01-05 12:00:00.000000",
            },
        )  # fmt: skip
        home_id: int = home.id
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE dnc_entry"))
    return home_id


def batches(entries: int) -> list[list[tuple[str, str]]]:
    """Two of a hundred numbers are listed."""
    chance = Random(1)
    found = []
    for number in range(ROUNDS):
        subjects: list[tuple[str, str]] = []
        for contact in range(CONTACTS):
            offset = chance.randrange(entries) * 700 + (0 if chance.random() < 0.02 else chance.randrange(1, 700))
            subjects.append(("phone", f"+1{2000000000 + offset}"))
            subjects += subjects_of(f"contact-{number}-{contact}", f"customer-{number}-{contact}")
        found.append(subjects)
    return found


def in_sql(engine: Engine, home: int, asked: Sequence[Sequence[tuple[str, str]]]) -> tuple[float, float, int]:
    """Median and 99th percentile of microseconds a subject, and how many were listed."""
    taken, hits = [], 0
    for subjects in asked:
        started = time.perf_counter()
        with read_transaction(engine) as session:
            hits += len(blocked(session, home, subjects, _NOW, 0))
        taken.append((time.perf_counter() - started) / len(subjects) * 1e6)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98], hits


def hashed(value: str) -> int:
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")


def in_memory(entries: int, asked: Sequence[Sequence[tuple[str, str]]]) -> None:
    sample = min(entries, 1_000_000)
    values = [f"+1{2000000000 + n * 700}" for n in range(sample)]
    kept = set(values)
    size = (kept.__sizeof__() + sum(value.__sizeof__() for value in values)) / sample
    _print("Python set", _timed(asked, lambda value: value in kept), size, f"{sample:,} entries")
    array = np.sort(np.fromiter((hashed(value) for value in values), np.uint64, sample))

    def held(value: str) -> bool:
        wanted = np.uint64(hashed(value))
        at = int(np.searchsorted(array, wanted))
        return at < sample and bool(array[at] == wanted)

    _print("sorted array", _timed(asked, held), array.nbytes / sample, f"{sample:,} entries, no truth but a hash")


def _timed(asked: Sequence[Sequence[tuple[str, str]]], holds: Callable[[str], bool]) -> float:
    values = [value for subjects in asked[:20] for _, value in subjects]
    started = time.perf_counter()
    for value in values:
        holds(value)
    return (time.perf_counter() - started) / len(values) * 1e6


def _print(name: str, microseconds: float, size: float, more: str) -> None:
    print(f"  {name:13} {microseconds:6.2f} us a look-up  {size:5.1f} bytes an entry  ({more})", flush=True)


def report(engine: Engine, entries: int, asked: Sequence[Sequence[tuple[str, str]]]) -> None:
    home = fill(engine, entries)
    in_sql(engine, home, asked[:5])
    before = _resident()
    median, late, hits = in_sql(engine, home, asked)
    size = max(0.0, (_resident() - before) / entries)
    verdict = "met" if median < MOST_MICROSECONDS and size <= MOST_BYTES else "NOT MET"
    _print(engine.dialect.name, median, size, f"{entries:,} entries, p99 {late:.1f} us, {hits} listed; {verdict}")


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    asked = batches(options.entries)
    print(f"batches of {CONTACTS} by three subjects; limits {MOST_MICROSECONDS:.0f} us, {MOST_BYTES:.0f} bytes")
    if options.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/dnc.db"
            upgrade(url)
            report(make_engine(url), options.entries, asked)
    if options.only != "sqlite":
        with private_postgres() as server:
            url = server.create_database("dnc")
            upgrade(url)
            report(make_engine(url), options.entries, asked)
    in_memory(options.entries, asked)


if __name__ == "__main__":
    main()
