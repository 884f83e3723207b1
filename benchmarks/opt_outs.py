"""From a person's word to its effect: how long after each way onto the do-not-call list the gate refuses them.

A whole installation works (web role, two engines, media server, carrier, providers). The clock starts when the request
leaves (panel, API, webhook, link), when the call is answered (the script says no at once) or when the text that Twilio
refuses is committed; it stops when the look that every attempt passes, here in a process of its own and again and
again, finds the person listed. "while it rings" goes on to the end of the call that was ringing.

    python -m benchmarks.opt_outs [--people N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.db import make_engine, upgrade
from common.clock import utcnow
from tests.support import opt_outs
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, installation
from tests.support.opt_outs import WAYS, World
from tests.support.postgres import private_postgres

LIMIT = 1000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20, help="for each way (%(default)s)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "postgresql":
            report("SQLite", Path(folder) / "one", f"sqlite:///{folder}/bench.db", options.people)
        if options.only != "sqlite":
            with private_postgres() as server:
                report("PostgreSQL", Path(folder) / "two", server.create_database("bench"), options.people)


def report(name: str, home: Path, url: str, people: int) -> None:
    home.mkdir()
    upgrade(url)
    engine = make_engine(url)
    with installation(home, url) as clarion:
        world = opt_outs.build(clarion, engine, list(WAYS), people)
        clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE, f"{ENGINE}:2")
        opt_outs.enter(world)
        print(f"{name}, {people} people a way; the limit is {LIMIT:.0f} ms", flush=True)
        for way in WAYS:
            _print(way, [_milliseconds(world, way, number) for number in range(people)])
        engine.dispose()
        for role in (f"{ENGINE}:2", ENGINE, MEDIASERVER):
            clarion.kill(role)


def _milliseconds(world: World, name: str, number: int) -> float:
    way, contact = WAYS[name], world.people[name, number]
    seen: list[datetime] = []

    def watch() -> None:
        while not world.is_listed(contact):
            pass
        seen.append(utcnow())

    looks = threading.Thread(target=watch, daemon=True)
    way.begin(world, contact)
    said = utcnow()
    looks.start()
    way.say(world, contact)
    looks.join()
    if name == "while it rings":
        seen = [_end_of(world, contact, "first call")]
    elif name.startswith("said"):
        _end_of(world, contact, "first call")
        said = world.attempts(contact, "first call")[0].answered_at or said
    elif name == "Twilio's 21610":
        said = world.attempts(contact, "first sms")[0].started_at
    return (seen[0] - said).total_seconds() * 1000


def _end_of(world: World, contact: int, job: str) -> datetime:
    world.until("the attempt to end", lambda: world.attempts(contact, job)[0].ended_at is not None)
    ended = world.attempts(contact, job)[0].ended_at
    assert ended is not None
    return ended


def _print(way: str, taken: Sequence[float]) -> None:
    late = statistics.quantiles(taken, n=100, method="inclusive")[98]
    verdict = "met" if late < LIMIT else "NOT MET"
    print(f"  {way:22} p50 {statistics.median(taken):6.1f} ms  p99 {late:6.1f} ms  {verdict}", flush=True)


if __name__ == "__main__":
    main()
