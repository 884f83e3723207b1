"""From a person's word to its effect: how long after each way onto the do-not-call list the gate refuses them.

A whole installation works (web role, two engines, media server, carrier, providers). The clock starts when the request
leaves (panel, API, webhook, link), when the call is answered (the script says no at once) or when the text that Twilio
refuses is committed; it stops when the look that every attempt passes, here in a process of its own and again and
again, finds the person listed. "while it rings" goes on to the end of the call that was ringing. Nor is a
way met that leaves anybody unlisted for half a minute. With a way that is not met the benchmark ends with 1.

    python -m benchmarks.opt_outs [--people N] [--only sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from app.db import make_engine, upgrade
from common.clock import utcnow
from tests.support import opt_outs
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, installation
from tests.support.opt_outs import WAYS, World
from tests.support.postgres import private_postgres

LIMIT = 1000.0
#: Seconds after which an opt-out counts as lost.
PATIENCE = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20, help="for each way (%(default)s)")
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "postgresql":
            kept.append(report("SQLite", Path(folder) / "one", f"sqlite:///{folder}/bench.db", options.people))
        if options.only != "sqlite":
            with private_postgres() as server:
                kept.append(report("PostgreSQL", Path(folder) / "two", server.create_database("bench"), options.people))
    return 0 if all(kept) else 1


def report(name: str, home: Path, url: str, people: int) -> bool:
    """Whether each way's limit is kept."""
    home.mkdir()
    upgrade(url)
    engine = make_engine(url)
    with installation(home, url) as clarion:
        world = opt_outs.build(clarion, engine, list(WAYS), people)
        clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE, f"{ENGINE}:2")
        opt_outs.enter(world)
        print(f"{name}, {people} people a way; the limit is {LIMIT:.0f} ms", flush=True)
        kept = [_print(way, [_milliseconds(world, way, number) for number in range(people)]) for way in WAYS]
        engine.dispose()
        for role in (f"{ENGINE}:2", ENGINE, MEDIASERVER):
            clarion.kill(role)
    return all(kept)


def _milliseconds(world: World, name: str, number: int) -> float | None:
    """None: not listed within `PATIENCE`, or the way could not be walked at all."""
    try:
        return _taken(world, name, number)
    except (AssertionError, OSError) as error:
        print(f"  {name}: {type(error).__name__} {error}", flush=True)
        return None


def _taken(world: World, name: str, number: int) -> float:
    way, contact = WAYS[name], world.people[name, number]
    seen: list[datetime] = []
    given_up = threading.Event()

    def watch() -> None:
        while not given_up.is_set():
            if world.is_listed(contact):
                seen.append(utcnow())
                return

    looks = threading.Thread(target=watch, daemon=True)
    way.begin(world, contact)
    said = utcnow()
    looks.start()
    try:
        way.say(world, contact)
        looks.join(PATIENCE)
    finally:
        given_up.set()
        looks.join()
    if not seen:
        raise AssertionError(f"not listed {PATIENCE:.0f} s after it was said")
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


def _print(way: str, taken: Sequence[float | None]) -> bool:
    """Whether all were listed, and soon enough."""
    listed = [one for one in taken if one is not None]
    lost = len(taken) - len(listed)
    if not listed:
        print(f"  {way:22} nobody of {lost} was listed  NOT MET", flush=True)
        return False
    late = float(np.percentile(listed, 99))
    met = not lost and late < LIMIT
    verdict = f"{f'{lost} of {len(taken)} not listed  ' if lost else ''}{'met' if met else 'NOT MET'}"
    print(f"  {way:22} p50 {statistics.median(listed):6.1f} ms  p99 {late:6.1f} ms  {verdict}", flush=True)
    return met


if __name__ == "__main__":
    sys.exit(main())
