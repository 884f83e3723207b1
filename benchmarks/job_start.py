"""Seconds from a job's start to a frozen audience of a million contacts, filtered and sorted, and what the panel's
pages take meanwhile, by requests to the served panel. Beside it a bare INSERT ... SELECT of the same rows in one
statement, which nobody else could write beside on SQLite.

    python -m benchmarks.job_start [--contacts N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text, update

from app.core.audience import Condition, Filter, Group, Operator, SortKey
from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import Campaign, Job
from app.security.access import Actor
from app.services import jobs, lists
from app.services.audience import templates
from benchmarks.support.on_both import on_both, server_folder
from benchmarks.support.people import fill
from benchmarks.support.usage import server_cpu
from benchmarks.support.visitor import Visitor, Watch
from common.clock import SystemClock, utcnow
from engine import leases
from engine.director import Director
from tests.support import panel
from tests.support.installation import WEB, installation

MOST_SECONDS, MOST_MILLISECONDS = 10.0, 500.0
#: All but a hundredth of the contacts, the highest balance first.
FILTER = Filter(
    (Group((Condition("attribute.balance", Operator.AT_LEAST, "4000"),)),),
    sort=(SortKey("attribute.balance", descending=True),),
)
_BARE = """
INSERT INTO job_contact (organization_id, job_id, contact_id, lane, state, due_at, lease_owner, strategy_state,
  attempt_count, last_code, final_code, hold_code, hold_detail, updated_at)
SELECT organization_id, {job}, id, id % 64, 'ready', created_at, '', '{{}}', 0, '', '', '', '', created_at
FROM contact WHERE contact_list_id = {contact_list} AND {balance} >= 4000 ORDER BY {balance} DESC, id"""
_BALANCE = {
    "sqlite": "CAST(json_extract(attributes, '$.balance') AS REAL)",
    "postgresql": "(attributes ->> 'balance')\\:\\:float8",
}


def prepare(database_url: str, contacts: int) -> tuple[int, int]:
    """A list of so many contacts and a campaign with the filter: ids of both."""
    upgrade(database_url)
    engine, actor = make_engine(database_url), Actor.system()
    world = panel.build(engine, contacts=3)
    with write_transaction(engine) as session:
        big = lists.create_list(session, actor, "Million")
        lists.define_attribute(session, actor, "balance", "integer")
        made = templates.create_filter(session, actor, "Owing", FILTER)
        session.execute(update(Job).values(state="completed"))
        session.execute(
            update(Campaign).where(Campaign.id == world.campaign_id).values(contact_list_id=big.id, filter_id=made.id)
        )
        list_id = big.id
    fill(engine, world.organization_id, list_id, contacts, first=world.contact_id + 1000)
    engine.dispose()
    return world.campaign_id, list_id


def freeze(database_url: str, job_id: int, answers: Any) -> None:
    """As the engine does it, in a process of its own; answers seconds and seconds of processor time."""
    engine, now = make_engine(database_url), utcnow()
    lease = leases.acquire(engine, leases.DIRECTOR, "bench", now, now + timedelta(hours=1))
    assert lease is not None
    started, used = time.monotonic(), time.process_time()
    Director(engine, SystemClock()).freeze(lease, job_id, lambda: True)
    answers.put((time.monotonic() - started, time.process_time() - used))


def start(database_url: str, campaign_id: int) -> tuple[int, float, float]:
    """Contacts, seconds, and seconds of processor: the engine's and PostgreSQL's, what the panel asked it with them."""
    engine = make_engine(database_url)
    with write_transaction(engine) as session:
        job_id = jobs.start_job(session, Actor.system(), campaign_id).id
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    server = server_folder(database_url)
    before = server_cpu(server)
    child = context.Process(target=freeze, args=(database_url, job_id, answers))
    child.start()
    seconds, cpu = answers.get()
    cpu += server_cpu(server) - before
    child.join()
    with read_transaction(engine) as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.frozen) == ("running", True), job.state
        audience = job.audience
    engine.dispose()
    return audience, seconds, cpu


def bare(engine: Engine, list_id: int, server: Path | None) -> tuple[float, float]:
    """The same rows by one statement, after those of the job are gone: seconds, and seconds of processor."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM job_contact WHERE job_id > 1"))
    with engine.begin() as connection:
        job = connection.execute(text("SELECT max(id) FROM job")).scalar_one()
        began, used = time.monotonic(), time.process_time() + server_cpu(server)
        balance = _BALANCE[engine.dialect.name]
        connection.execute(text(_BARE.format(job=job, contact_list=list_id, balance=balance)))
    # With its commit.
    return time.monotonic() - began, time.process_time() + server_cpu(server) - used


def report(backend: str, home: Path, database_url: str, contacts: int) -> None:
    campaign_id, list_id = prepare(database_url, contacts)
    paths = ("/", f"/lists/{list_id}", "/contacts/", "/jobs/", "/campaigns/", "/filters/")
    with served(home, database_url) as visitor:
        for path in paths:
            visitor.get(path)
        with Watch(visitor, paths) as watch:
            audience, seconds, cpu = start(database_url, campaign_id)
    engine = make_engine(database_url)
    alone, alone_cpu = bare(engine, list_id, server_folder(database_url))
    engine.dispose()
    verdict = "met" if seconds < MOST_SECONDS and watch.p95() < MOST_MILLISECONDS else "NOT MET"
    print(f"\n{backend}: {audience:,} of {contacts:,} contacts, filtered and sorted, load {os.getloadavg()[0]:.1f}")
    print(f"  frozen in {seconds:.1f} s (limit {MOST_SECONDS:.0f}), {cpu:.1f} s of processor; bare INSERT ... SELECT"
          f" {alone:.1f} s, {alone_cpu:.1f} s of processor: {cpu / alone_cpu:.2f} times as much")  # fmt: skip
    print(f"  panel meanwhile: p95 {watch.p95():.0f} ms (limit {MOST_MILLISECONDS:.0f})")
    print(*watch.lines(), sep="\n")
    print(f"  {verdict}", flush=True)


@contextmanager
def served(home: Path, database_url: str) -> Iterator[Visitor]:
    """The panel, with somebody signed in."""
    with installation(home, database_url, {"CLARION_LOG_LEVEL": "WARNING"}) as clarion:
        clarion.start(WEB)
        yield Visitor(f"http://{clarion.at.web}", "admin", panel.PASSWORD)


if __name__ == "__main__":
    on_both(__doc__, report)
