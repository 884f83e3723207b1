"""Milliseconds of a search in the panel among a million contacts: the whole answered page, for each way in which people
look for somebody. Beside it the page without a search, and what entering the names took after the import.

    python -m benchmarks.search [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
from sqlalchemy import func, select

from app.db import make_engine, read_transaction, write_transaction
from app.models import ContactList, ContactName, ImportRun, ImportState
from app.services.contact_names import enter_names
from benchmarks.job_start import prepare, served
from benchmarks.support.on_both import on_both, server_folder
from benchmarks.support.usage import server_cpu
from benchmarks.support.visitor import Visitor
from common.clock import utcnow

#: Milliseconds of a page, and processor seconds of entering the names of a million contacts.
LIMIT, MOST_ENTERING = 200.0, 15.0
_TIMES = 40
#: What somebody types, by the number n of the contact they have in mind (benchmarks.support.people).
WAYS: Mapping[str, Callable[[int], str]] = {
    "national number": lambda n: f"(202) {_digits(n)[:3]}-{_digits(n)[3:]}",
    "international, beginning": lambda n: f"+1 202 {_digits(n)[:5]}",
    "email": lambda n: f"person{n}@example.org",
    "ID": lambda n: f"a{n}",
    "last name": lambda n: f"Last{n * 104729 % 9001}",
    "name, one letter": lambda n: "lf"[n % 2],
    "first and last name": lambda n: f"first{n * 7919 % 5003} last{n * 104729 % 9001}",
    "nobody": lambda n: f"Nobody{n}",
}


def _digits(number: int) -> str:
    return str(2_000_000 + number * 7001 % 7_999_999)


def enter(database_url: str, list_id: int, contacts: int) -> None:
    """The names, as after an import."""
    engine = make_engine(database_url)
    with write_transaction(engine) as session:
        home = session.get_one(ContactList, list_id).organization_id
        session.add(
            ImportRun(
                organization_id=home, contact_list_id=list_id, file_name="bench.csv", state=ImportState.COMPLETED,
                mapping={}, names_after=0, started_at=utcnow(),
            )
        )  # fmt: skip
    server = server_folder(database_url)
    began, used, served_before = time.monotonic(), time.process_time(), server_cpu(server)
    assert enter_names(engine) == 1
    seconds, cpu = time.monotonic() - began, time.process_time() - used + server_cpu(server) - served_before
    with read_transaction(engine) as session:
        names = session.scalar(select(func.count()).select_from(ContactName))
    engine.dispose()
    verdict = "met" if cpu < MOST_ENTERING * max(1.0, contacts / 1e6) else "NOT MET"
    print(f"  {names:,} names entered in {seconds:.1f} s, {cpu:.1f} s of processor (limit {MOST_ENTERING:.0f} a million"
          f" contacts): {verdict}", flush=True)  # fmt: skip


def report(backend: str, home: Path, database_url: str, contacts: int) -> None:
    _, list_id = prepare(database_url, contacts)
    print(f"\n{backend}: {contacts:,} contacts, load {os.getloadavg()[0]:.1f}")
    enter(database_url, list_id, contacts)
    with served(home, database_url) as visitor:
        bare = _taken(visitor, lambda _: "/contacts/", contacts)
        print(f"  {'without a search':26} p50 {np.percentile(bare, 50):6.1f} ms  p95 {np.percentile(bare, 95):6.1f} ms")
        worst = 0.0
        for name, typed in WAYS.items():
            taken = _taken(visitor, _asking(typed), contacts)
            worst = max(worst, p95 := float(np.percentile(taken, 95)))
            print(f"  {name:26} p50 {np.percentile(taken, 50):6.1f} ms  p95 {p95:6.1f} ms", flush=True)
    verdict = "met" if worst < LIMIT else "NOT MET"
    print(f"  worst p95 {worst:.0f} ms (limit {LIMIT:.0f}): {verdict}", flush=True)


def _asking(typed: Callable[[int], str]) -> Callable[[int], str]:
    return lambda number: f"/contacts/?search={quote(typed(number))}"


def _taken(visitor: Visitor, path: Callable[[int], str], contacts: int) -> list[float]:
    chance = random.Random(1)
    visitor.get(path(1500))
    return [visitor.seconds(path(chance.randint(1500, contacts))) * 1000 for _ in range(_TIMES)]


if __name__ == "__main__":
    on_both(__doc__, report)
