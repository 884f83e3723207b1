"""Rows a second of a whole import beside the same columns by COPY (PostgreSQL) or executemany (SQLite), and beside the
naive way, `phonenumbers.parse` and an ORM object for each row.

The file has ten columns, people of the United States and nine other countries, 3 % dirty rows, 1 % repeated ids, and
people on a do-not-call list. Each way runs in a process of its own on an empty database; beside the rows a second stand
processor seconds per million rows (the database server's with them), which a busy machine leaves nearly as they are,
and the greatest memory of all its processes together without the server's. Afterwards every number, country and zone in
the database, and every refused line, is compared with what plain phonenumbers says (`--no-check` leaves that out).
By size (`--linear`) files are imported by a process that has been up, as a server's has; the smallest comes twice,
since the first import of an installation learns the blocks of numbers that the later ones go on with. Beside each size
stands what the database alone takes: on SQLite for the same contacts and addresses, ready made, in the same tables with
the same indexes by transactions of `_ALONE` contacts; on PostgreSQL for bare COPY.

    python -m benchmarks.imports [--rows N] [--naive-rows N] [--only sqlite|postgresql] [--linear N,N,...] [--again [N]]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import resource
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import phonenumbers
import psycopg
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from app.db import SQLITE_BULK, SQLITE_PRAGMAS, make_engine, upgrade, write_transaction
from app.models import Address, Contact, ContactList, ImportRun, Organization
from app.security.access import Actor
from app.services import dnc, importing, lists, organizations
from benchmarks.support.import_files import COLUMNS, make_file
from benchmarks.support.plain_numbers import differences, expected, plainly
from benchmarks.support.usage import descendants, server_cpu, usage_of
from tests.support.postgres import FAST, private_postgres

#: Rows a second that the whole import shall reach.
TARGETS = {"sqlite": 50_000, "postgresql": 60_000}
MOST_MEMORY = 300.0
#: As a server for this would be set; the tests' own is smaller.
_SERVER = (*(option for option in FAST if "shared" not in option), "shared_buffers=256MB", "max_wal_size=4GB")
#: Contacts of one transaction of `alone`.
_ALONE = 6_000
Way = Callable[[str, Path], int]
_NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """What one way took."""

    rows: int
    seconds: float
    #: Processor seconds of the process itself, of those it has started, and of the database server's.
    own: float
    started: float
    served: float
    memory: float

    def __str__(self) -> str:
        parts = [used / self.rows * 1e6 for used in (self.own, self.started, self.served)]
        names = ("itself", "its reader", "server")
        shares = ", ".join(f"{name} {part:.1f}" for name, part in zip(names, parts, strict=True) if part >= 0.05)
        return (
            f"{self.rows / self.seconds:9,.0f} rows/s  {sum(parts):6.1f} s CPU a million ({shares})"
            f"  {self.memory:5.0f} MB"
        )


def measured(way: Way, url: str, path: Path, server: Path | None, before: Way | None = None) -> Run:
    """Run `way` in a process of its own, watching all the processes it starts. `server` is PostgreSQL's folder. What
    `before` does first in the process is not measured, but for the server's part."""
    served = server_cpu(server)
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_in_child, args=(way, before, url, path, answers))
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
    rows, seconds, own, started = answers.get()
    done.set()
    watcher.join()
    child.join()
    return Run(rows, seconds, own, started, server_cpu(server) - served, most)


def _in_child(way: Way, before: Way | None, url: str, path: Path, answers: Any) -> None:
    if before is not None:
        before(url, path)
    started, used = time.monotonic(), _used()
    rows = way(url, path)
    answers.put((rows, time.monotonic() - started, *(now - then for now, then in zip(_used(), used, strict=True))))


def _used() -> list[float]:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [usage.ru_utime + usage.ru_stime for usage in usages]


def already_up(url: str, path: Path) -> int:
    """One import of a few rows: mappers, statements and metadata are loaded, as in a server that has been running."""
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder, "few.csv")
        with path.open("rb") as file:
            few.write_bytes(b"".join(islice(file, 20)))
        return by_clarion(url, few, "Before")


def by_clarion(url: str, path: Path, name: str = "Bench") -> int:
    """Into a list of that name, which is made where there is none."""
    engine = make_engine(url)
    actor = Actor.system()
    with write_transaction(engine) as session:
        known = session.scalar(select(ContactList.id).where(ContactList.name == name))
        list_id = known or lists.create_list(session, actor, name).id
    run_id = importing.import_file(engine, actor, list_id, path, home=path.parent / "home")
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


def alone(url: str, imported: Path) -> int:
    """The contacts and addresses of another database into the same tables; how many contacts."""
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    for pragma in (*SQLITE_PRAGMAS, *SQLITE_BULK):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("ATTACH ? AS imported", (str(imported),))
    for table in ("organization", "contact_list"):
        connection.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM imported.{table}")
    (last,) = connection.execute("SELECT max(id) FROM imported.contact").fetchone()
    for first in range(0, last, _ALONE):
        span = (first, first + _ALONE)
        connection.execute("BEGIN IMMEDIATE")
        for table, key in (("contact", "id"), ("address", "contact_id")):
            connection.execute(
                f"INSERT INTO main.{table} SELECT * FROM imported.{table} WHERE {key} > ? AND {key} <= ?", span
            )
        connection.execute("COMMIT")
    return int(connection.execute("SELECT count(*) FROM main.contact").fetchone()[0])


def naive(url: str, path: Path) -> int:
    engine, rows, seen = make_engine(url), 0, set[str]()
    with write_transaction(engine) as session:
        home = organizations.organization_for(session, Actor.system())
        listed = lists.create_list(session, Actor.system(), "Naive")
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows += 1
                if row["id"] in seen:
                    continue
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
                seen.add(row["id"])
                session.flush()
                session.add(
                    Address(
                        organization_id=home, contact_id=contact.id, kind="phone", name="phone1", value=value,
                        country=phonenumbers.region_code_for_number(number) or "",
                        time_zones=",".join(phonenumbers.timezone.time_zones_for_number(number)),
                    )
                )  # fmt: skip
    return rows


def prepare(url: str, path: Path, numbers: int = 20_000) -> None:
    """An organization with a do-not-call list that some of the file's people are on."""
    upgrade(url)
    engine = make_engine(url)
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(islice(file, numbers))
        phones = [("phone", found.e164) for row in rows if (found := plainly(row["phone1"]))][::10]
    with write_transaction(engine) as session:
        session.add(Organization(name="Bench", created_at=_NOW))
    with write_transaction(engine) as session:
        emails = [("email", f"person{n * 7}@example.org") for n in range(numbers)]
        dnc.add(session, Actor.system(), [*emails, *phones])
    engine.dispose()


def report(backend: str, make_url_for: Callable[[str], str], server: Path | None, files: tuple[Path, Path]) -> str:
    """Measure the ways; the address of Clarion's database."""
    print(f"\n{backend}")
    figures, urls = {}, {}
    for name, way, path in (("Clarion", by_clarion, files[0]), ("bare", bare, files[0]), ("naive", naive, files[1])):
        url = urls[name] = make_url_for(name.lower())
        prepare(url, path)
        os.sync()
        figures[name] = run = measured(way, url, path, server)
        print(f"  {name:8} {run}", flush=True)
    mine = figures["Clarion"]
    rate = mine.rows / mine.seconds
    verdict = "met" if rate >= TARGETS[backend] and mine.memory < MOST_MEMORY else "NOT MET"
    share = rate / (figures["bare"].rows / figures["bare"].seconds)
    times = rate / (figures["naive"].rows / figures["naive"].seconds)
    print(f"  target {TARGETS[backend]:,} rows/s under {MOST_MEMORY:.0f} MB: {verdict};"
          f" {share:.0%} of bare, {times:.1f} times naive")  # fmt: skip
    return urls["Clarion"]


def linear(backend: str, make_url_for: Callable[[str], str], server: Path | None, sizes: list[int]) -> None:
    print(f"\n{backend}, by the size of the file, load {os.getloadavg()[0]:.1f}")
    rates: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, size in enumerate([sizes[0], *sizes]):
            path = Path(folder, "contacts.csv")
            make_file(path, size)
            url = make_url_for(f"linear{number}")
            prepare(url, path)
            os.sync()
            note = "" if number else "  (the first import ever)"
            run = measured(by_clarion, url, path, server, already_up)
            print(f"  {size:9,} {run}{note}", flush=True)
            if number:
                peer = _peer(backend, make_url_for(f"peer{number}"), url, path, server)
                print(f"  {'alone':>9} {peer}", flush=True)
                rates.append((run.rows / run.seconds, peer.rows / peer.seconds))
    if len(rates) > 1:
        mine, others = (last / before for before, last in zip(*rates[-2:], strict=True))
        print(f"  {sizes[-1]:,} rows at {mine:.0%} of the rate of {sizes[-2]:,}; the database alone {others:.0%}")


def _peer(backend: str, url: str, imported: str, path: Path, server: Path | None) -> Run:
    upgrade(url)
    os.sync()
    if backend == "sqlite":
        return measured(alone, url, Path(str(make_url(imported).database)), server)
    return measured(bare, url, path, server)


def again(backend: str, make_url_for: Callable[[str], str], server: Path | None, rows: int) -> None:
    """The file of every night: the same once more, and with another value in one column of each row."""
    print(f"\n{backend}, {rows:,} rows, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first.csv"), Path(folder, "second.csv")
        make_file(first, rows)
        with first.open(newline="", encoding="utf-8") as old, second.open("w", newline="", encoding="utf-8") as new:
            writer = csv.DictWriter(new, COLUMNS)
            writer.writeheader()
            writer.writerows(row | {"balance": f"{number % 5000}.75"} for number, row in enumerate(csv.DictReader(old)))
        url = make_url_for("again")
        prepare(url, first)
        for name, path in (("new", first), ("unchanged", first), ("one column", second)):
            os.sync()
            print(f"  {name:10} {measured(by_clarion, url, path, server, already_up)}", flush=True)
        with Session(make_engine(url)) as session:
            runs = session.scalars(select(ImportRun).order_by(ImportRun.id.desc()).limit(3)).all()
        changed, _, same = runs
        print(f"  of them {same.rows_unchanged:,} unchanged, {changed.rows_updated:,} changed")


def run_on(backend: str, make: Callable[[str], str], server: Path | None, options: argparse.Namespace) -> None:
    if options.linear or options.again:
        if options.linear:
            linear(backend, make, server, options.linear)
        if options.again:
            again(backend, make, server, options.again)
        return
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "big.csv"), Path(folder, "small.csv")
        make_file(files[0], options.rows)
        make_file(files[1], options.naive_rows)
        size = files[0].stat().st_size / 1e6
        print(f"\n{options.rows:,} rows, {len(COLUMNS)} columns, {size:.0f} MB, load {os.getloadavg()[0]:.1f}")
        url = report(backend, make, server, files)
        if not options.no_check:
            wrong = differences(url, expected(files[0]))
            print(f"  beside plain phonenumbers, every row: {wrong} differ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--naive-rows", type=int, default=20_000)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--again", type=int, nargs="?", const=200_000, help="files of people who are there already")
    parser.add_argument("--linear", type=lambda text: [int(size) for size in text.split(",")])
    options = parser.parse_args()
    if options.only != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            run_on("sqlite", lambda name: f"sqlite:///{folder}/{name}.db", None, options)
    if options.only != "sqlite":
        with private_postgres(_SERVER) as server:
            run_on("postgresql", server.create_database, server.socket_directory, options)


if __name__ == "__main__":
    main()
