"""VoiceXML pages a second through Flask and granian: signed session address, contact lookup, per-call values.

Each page belongs to another call. nginx serving a file of the same size, with the same load, is printed beside it: it
is what this machine can do at all while wrk takes its share of the same cores.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import os
import pstats
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from app.db import make_engine, write_transaction
from app.models import Attempt, Contact, Job, JobContact
from app.security.tokens import Tokens
from benchmarks.support import wrk
from tests.support import campaigns
from tests.support.installation import SECRET, WEB, installation
from tests.support.ports import free_port
from tests.support.postgres import private_postgres

CALLS = 20_000
TARGET_RATE, TARGET_P99 = 5_000, 15.0
MESSAGE = (
    "Hello {first_name|there} {last_name}. This is a message about your account. Your balance is {balance} dollars, "
    "due on {due_date}. Please call us back at your earliest convenience. Thank you."
)


def fill(database_url: str, calls: int) -> list[str]:
    """A job with `calls` attempts in progress, each to a contact of its own; answers the attempt ids."""
    job_id = campaigns.start_notice(database_url, MESSAGE)
    engine, now = make_engine(database_url), datetime.now(UTC)
    attempts = [f"bench{number:08d}" for number in range(calls)]
    try:
        for first in range(0, calls, 2000):
            with write_transaction(engine) as session:
                job = session.get_one(Job, job_id)
                home, listed = job.organization_id, job.settings["contact_list_id"]
                numbers = range(first, min(first + 2000, calls))
                contacts = session.scalars(
                    insert(Contact).returning(Contact.id, sort_by_parameter_order=True),
                    [_contact(home, listed, number, now) for number in numbers],
                ).all()
                places = session.scalars(
                    insert(JobContact).returning(JobContact.id, sort_by_parameter_order=True),
                    [_job_contact(home, job_id, contact, now) for contact in contacts],
                ).all()
                session.execute(
                    insert(Attempt),
                    [
                        _attempt(home, job_id, place, contact, attempts[number], now)
                        for number, contact, place in zip(numbers, contacts, places, strict=True)
                    ],
                )
    finally:
        engine.dispose()
    return attempts


def _contact(home: int, listed: int, number: int, now: datetime) -> dict[str, object]:
    return {
        "organization_id": home,
        "contact_list_id": listed,
        "external_id": f"B{number}",
        "first_name": f"Ana{number}",
        "last_name": "Example",
        "language": "en-US",
        "attributes": {"balance": f"{number % 900 + 100}.50", "due_date": "2026-12-15", "account": f"A{number}"},
        "created_at": now,
        "updated_at": now,
    }


def _job_contact(home: int, job_id: int, contact: int, now: datetime) -> dict[str, object]:
    return {
        "organization_id": home,
        "job_id": job_id,
        "contact_id": contact,
        "lane": contact % 64,
        "state": "attempting",
        "due_at": now,
        "strategy_state": {},
        "updated_at": now,
    }


def _attempt(home: int, job_id: int, place: int, contact: int, attempt: str, now: datetime) -> dict[str, object]:
    return {
        "id": attempt,
        "organization_id": home,
        "job_id": job_id,
        "job_contact_id": place,
        "contact_id": contact,
        "number": 1,
        "channel": "voice",
        "address": f"+1202{contact:07d}",
        "started_at": now,
    }


def measure(name: str, home: Path, database_url: str, seconds: int, workers: int) -> wrk.Load:
    attempts = fill(database_url, CALLS)
    tokens = Tokens(SECRET)
    paths = [f"/vxml/s/{tokens.session_token(attempt)}/notice.vxml" for attempt in attempts]
    extra = {"CLARION_PAGE_WORKERS": str(workers), "CLARION_LOG_LEVEL": "WARNING"}
    with installation(home, database_url, extra) as clarion:
        clarion.start(WEB)
        base = f"http://{clarion.at.pages}"
        with urllib.request.urlopen(base + paths[7], timeout=10) as answer:
            page = answer.read().decode()
        assert "Ana7" in page, f"the page lacks the contact's values:\n{page}"
        pid = clarion.pid(WEB)
        wrk.run(base, paths, server_pid=pid, seconds=3)
        load = wrk.run(base, paths, server_pid=pid, seconds=seconds)
    print(load.line(name), flush=True)
    return load


@contextmanager
def nginx(folder: Path, body: bytes) -> Iterator[tuple[str, int]]:
    """nginx with as many workers as Clarion, serving one file; its address and process id."""
    port = free_port()
    (folder / "page.vxml").write_bytes(body)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"user root;\nworker_processes 2;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        "events { worker_connections 512; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    process = subprocess.Popen(["nginx", "-c", str(configuration), "-p", str(folder)], env=environment)
    try:
        time.sleep(1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(10)


def profile(database_url: str, requests: int = 4000) -> str:
    """Where the time of a page goes, in one process without a server in front."""
    from app.web.application import create_app
    from common.settings import Settings

    attempts = [f"bench{number:08d}" for number in range(1000)]
    tokens = Tokens(SECRET)
    paths = [f"/vxml/s/{tokens.session_token(attempt)}/notice.vxml" for attempt in attempts]
    with tempfile.TemporaryDirectory() as home:
        application = create_app(
            Settings.load({"CLARION_HOME": home, "CLARION_DATABASE_URL": database_url, "CLARION_SECRET_KEY": SECRET})
        )
    environ = {
        "REQUEST_METHOD": "GET", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "QUERY_STRING": "",
    }  # fmt: skip

    def ask(count: int) -> float:
        began = time.perf_counter()
        for number in range(count):
            body = application.wsgi_app({**environ, "PATH_INFO": paths[number % len(paths)]}, lambda *_: lambda _: None)
            b"".join(body)
        return count / (time.perf_counter() - began)

    ask(500)
    alone = ask(requests)
    profiler = cProfile.Profile()
    profiler.runcall(ask, requests)
    output = io.StringIO()
    pstats.Stats(profiler, stream=output).strip_dirs().sort_stats("tottime").print_stats(14)
    rows = [line for line in output.getvalue().splitlines() if line.strip()]
    return "\n".join([f"one process, no server: {alone:,.0f} pages/s; by own time under the profiler:", *rows[4:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(f"{CALLS:,} calls, {options.workers} web workers, wrk with 32 connections on the same {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="clarion-pages-") as folder, private_postgres() as postgres:
        home = Path(folder)
        sqlite = f"sqlite:///{home / 'bench.db'}"
        loads = {"Clarion on SQLite": measure("Clarion on SQLite", home, sqlite, options.seconds, options.workers)}
        url = postgres.create_database("bench")
        loads["Clarion on PostgreSQL"] = measure("Clarion on PostgreSQL", home, url, options.seconds, options.workers)
        size = max(load.bytes_each for load in loads.values())
        with nginx(home, b"x" * size) as (base, pid):
            wrk.run(base, ["/page.vxml"], server_pid=pid, seconds=2)
            print(wrk.run(base, ["/page.vxml"], server_pid=pid, seconds=5).line("nginx, a file of that size"))
        for name, load in loads.items():
            met = load.per_second >= TARGET_RATE and load.p99 < TARGET_P99 and not load.errors
            print(f"{name}: target {TARGET_RATE:,}/s with p99 < {TARGET_P99:.0f} ms {'met' if met else 'NOT met'}")
        if any(load.per_second < TARGET_RATE or load.p99 >= TARGET_P99 for load in loads.values()):
            print(profile(sqlite))


if __name__ == "__main__":
    main()
