"""Rows a second of a whole import beside the same columns by COPY (PostgreSQL) or executemany (SQLite), and beside the
naive way, `phonenumbers.parse` and an ORM object for each row.

The file has ten columns, people of the United States and nine other countries, and 3 % dirty rows. Each way runs in a
process of its own on an empty database; beside the rows a second stand processor seconds per million rows, which a
busy machine leaves as they are, and the greatest memory of all its processes together.

    python -m benchmarks.imports [--rows N] [--naive-rows N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import random
import resource
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
import psycopg
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app.db import SQLITE_PRAGMAS, make_engine, upgrade, write_transaction
from app.models import Address, Contact, Organization
from app.security.access import Actor
from app.services import dnc, importing, lists, organizations
from benchmarks.support.usage import descendants, usage_of
from tests.support.postgres import private_postgres

COLUMNS = ("id", "first_name", "last_name", "phone1", "phone2", "email", "time_zone", "balance", "due", "zip")
COUNTRIES = ("US", "GB", "DE", "FR", "CA", "AU", "ES", "IT", "NL", "SE")
#: Rows a second that the whole import shall reach.
TARGETS = {"sqlite": 50_000, "postgresql": 60_000}
MOST_MEMORY = 300.0
_DIRTY = ("12345", "+1 555 12", "no number", "+999 123 4567", "2,02556E+11", "911")
_NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_file(path: Path, rows: int) -> None:
    chance = random.Random(1)
    examples = {code: _national(code) for code in COUNTRIES}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            country = "US" if chance.random() < 0.6 else chance.choice(COUNTRIES[1:])
            phone = _phone(country, examples[country], chance)
            if chance.random() < 0.03:
                phone = chance.choice(_DIRTY)
            second = _phone(country, examples[country], chance) if chance.random() < 0.3 else ""
            writer.writerow(
                (
                    f"A{number:08d}", f"First{number % 5000}", f"Last{number % 9000}", phone, second,
                    f"person{number}@example.org", "", f"{number % 4000}.50", "2026-03-31", f"{10001 + number % 80000}",
                )
            )  # fmt: skip


def _national(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    return str(phonenumbers.national_significant_number(example))


def _phone(country: str, example: str, chance: random.Random) -> str:
    if country == "US":
        area = chance.choice(("202", "212", "305", "312", "415", "512", "617", "702", "801", "907"))
        exchange, line = chance.randint(200, 999), chance.randint(0, 9999)
        return f"({area}) {exchange}-{line:04d}"
    code = phonenumbers.country_code_for_region(country)
    return f"+{code} {example[:-6]}{chance.randint(0, 999_999):06d}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one way took."""

    rows: int
    seconds: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        per_million = self.cpu / self.rows * 1e6
        return f"{self.rows / self.seconds:9,.0f} rows/s  {per_million:6.1f} s CPU a million  {self.memory:5.0f} MB"


def measured(way: Callable[[str, Path], int], url: str, path: Path) -> Run:
    """Run `way` in a process of its own, watching all the processes it starts."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_in_child, args=(way, url, path, answers))
    child.start()
    most, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.2):
            assert child.pid is not None
            with suppress(OSError):
                most = max(most, usage_of([child.pid, *descendants(child.pid)]).memory)

    watcher = threading.Thread(target=watch)
    watcher.start()
    rows, seconds, cpu = answers.get()
    done.set()
    watcher.join()
    child.join()
    return Run(rows, seconds, cpu, most)


def _in_child(way: Callable[[str, Path], int], url: str, path: Path, answers: Any) -> None:
    started = time.monotonic()
    rows = way(url, path)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answers.put((rows, time.monotonic() - started, sum(one.ru_utime + one.ru_stime for one in used)))


def by_clarion(url: str, path: Path) -> int:
    engine = make_engine(url)
    actor = Actor.system()
    with write_transaction(engine) as session:
        list_id = lists.create_list(session, actor, "Bench").id
    run_id = importing.import_file(engine, actor, list_id, path)
    with Session(engine) as session:
        run = importing.get_run(session, actor, run_id)
        assert run.state == "completed", run.detail
        return run.rows_read


def bare(url: str, path: Path) -> int:
    """The ten columns as they are into one table: what the database alone takes."""
    target = make_url(url)
    columns = ", ".join(f"{name} text" for name in COLUMNS)
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        if target.get_backend_name() == "sqlite":
            connection = sqlite3.connect(str(target.database), isolation_level=None)
            for pragma in SQLITE_PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute(f"CREATE TABLE bare ({columns})")
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * len(COLUMNS))})", reader)
            connection.execute("COMMIT")
            return int(connection.execute("SELECT count(*) FROM bare").fetchone()[0])
        with psycopg.connect(target.set(drivername="postgresql").render_as_string(hide_password=False)) as wire:
            wire.execute(f"CREATE TABLE bare ({columns})")
            statement = "COPY bare FROM STDIN (FORMAT csv, HEADER)"
            with wire.cursor() as cursor, cursor.copy(statement) as copy, path.open("rb") as raw:
                while block := raw.read(1 << 20):
                    copy.write(block)
            found = wire.execute("SELECT count(*) FROM bare").fetchone()
            assert found is not None
            return int(found[0])


def naive(url: str, path: Path) -> int:
    engine, rows = make_engine(url), 0
    with write_transaction(engine) as session:
        home = organizations.organization_for(session, Actor.system())
        listed = lists.create_list(session, Actor.system(), "Naive")
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows += 1
                try:
                    number = phonenumbers.parse(row["phone1"], "US")
                except phonenumbers.NumberParseException:
                    continue
                if not phonenumbers.is_valid_number(number):
                    continue
                value = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                contact = Contact(
                    organization_id=home, contact_list_id=listed.id, external_id=row["id"], created_at=_NOW,
                    updated_at=_NOW, first_name=row["first_name"], last_name=row["last_name"],
                    attributes={"balance": row["balance"], "due": row["due"], "zip": row["zip"]},
                )  # fmt: skip
                session.add(contact)
                session.flush()
                session.add(
                    Address(
                        organization_id=home, contact_id=contact.id, kind="phone", name="phone1", value=value,
                        country=phonenumbers.region_code_for_number(number) or "",
                        time_zones=",".join(phonenumbers.timezone.time_zones_for_number(number)),
                    )
                )  # fmt: skip
    return rows


def prepare(url: str, numbers: int = 20_000) -> None:
    """An organization with a do-not-call list that some of the file's people are on."""
    upgrade(url)
    engine = make_engine(url)
    with write_transaction(engine) as session:
        session.add(Organization(name="Bench", created_at=_NOW))
    with write_transaction(engine) as session:
        dnc.add(session, Actor.system(), [("email", f"person{n * 7}@example.org") for n in range(numbers)])
    engine.dispose()


def report(backend: str, make_url_for: Callable[[str], str], big: Path, small: Path) -> None:
    print(f"\n{backend}")
    figures = {}
    for name, way, path in (("Clarion", by_clarion, big), ("bare", bare, big), ("naive", naive, small)):
        url = make_url_for(name.lower())
        prepare(url)
        os.sync()
        figures[name] = run = measured(way, url, path)
        print(f"  {name:8} {run}", flush=True)
    mine = figures["Clarion"]
    rate = mine.rows / mine.seconds
    verdict = "met" if rate >= TARGETS[backend] and mine.memory < MOST_MEMORY else "NOT MET"
    share = rate / (figures["bare"].rows / figures["bare"].seconds)
    times = rate / (figures["naive"].rows / figures["naive"].seconds)
    print(f"  target {TARGETS[backend]:,} rows/s under {MOST_MEMORY:.0f} MB: {verdict};"
          f" {share:.0%} of bare, {times:.1f} times naive")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--naive-rows", type=int, default=20_000)
    parser.add_argument("--only", choices=sorted(TARGETS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        big, small = Path(folder, "big.csv"), Path(folder, "small.csv")
        make_file(big, options.rows)
        make_file(small, options.naive_rows)
        print(f"{options.rows:,} rows, {len(COLUMNS)} columns, {big.stat().st_size / 1e6:.0f} MB")
        if options.only != "postgresql":
            report("sqlite", lambda name: f"sqlite:///{folder}/{name}.db", big, small)
        if options.only != "sqlite":
            with private_postgres() as server:

                def make(name: str) -> str:
                    return server.create_database(name)

                report("postgresql", make, big, small)


if __name__ == "__main__":
    main()
