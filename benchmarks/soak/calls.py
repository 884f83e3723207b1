"""Calls for an hour: so many at a time, each followed by another, most of them talking, and what the server holds.

A media server process with its workers talks to the simulated carrier. Customers press keys and hang up, are busy, ring
out, want credentials, hold, speak A-law, or are hung up on. Memory is compared from the eleventh minute on; before and
after, with nobody on the line, the server must hold the same.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.media import SUFFIX_DIRECT, Bench, media_bench, request
from benchmarks.soak.figures import Figures, complaints, figures, growth, leaks, own_ports, settled, tell
from tests.support.asterisk import PASSWORD, USER, asterisk

CALLS, MINUTES, SEED = 100, 60.0, 1
#: Minutes not judged, minutes of a row of the table, seconds between two looks.
WARM_UP, ROW, LOOK = 10.0, 5.0, 10.0
GROWTH_LIMIT = 0.02
ONCE = b"""<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><field name="key" type="digits?length=1">
<property name="timeout" value="20s"/><prompt>Press one to go on.</prompt>
<filled><exit namelist="key"/></filled></field></form></vxml>"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way a call goes, and how it has to end; `weight` is how often. We hang up after `stop` seconds."""

    suffix: str
    script: str
    ends: str
    weight: int
    stop: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


PEOPLE = {
    "91": {"delay": 1.0, "script": "wait:4 keys:1 wait:6 keys:2 wait:6 keys:3# wait:8 hangup"},
    "92": {"delay": 0.5, "script": "wait:30 keys:4 wait:30 keys:5 wait:30 hangup"},
    "93": {"codec": "pcma", "script": "talk wait:3 keys:1"},
}
KINDS = (
    Kind("91", "talk", "answered caller_hangup", 10),
    Kind("92", "talk", "answered caller_hangup", 6),
    Kind("93", "once", "answered completed", 4),
    Kind(SUFFIX_DIRECT, "exit", "answered completed", 2),
    Kind(SUFFIX_DIRECT, "talk", "answered system_hangup", 4, stop=40.0),
    Kind("12", "talk", "answered system_hangup", 2, stop=15.0),
    Kind("30", "talk", "answered system_hangup", 2, stop=12.0),
    Kind("13", "talk", "answered caller_hangup", 1),
    Kind("01", "talk", "refused", 1),
    Kind("03", "talk", "refused", 1),
    Kind("02", "talk", "ring_timeout", 1, more={"ring_timeout": 5.0}),
    Kind("02", "talk", "cancelled", 1, stop=3.0),
)
OVERLOADED = re.compile("overload|busy")
#: How calls end that are hung up on because the soak is over.
STOPPED = ("answered system_hangup", "cancelled")


@dataclass(slots=True)
class Churn:
    """The calls under way and what became of those that ended."""

    bench: Bench
    chance: random.Random
    stopping: bool = False
    placed: int = 0
    #: Not admitted because the machine was busy with something else; tried again.
    put_off: int = 0
    unexpected: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def slot(self) -> None:
        """One call after the other."""
        while not self.stopping:
            await self._call(self.chance.choices(KINDS, [kind.weight for kind in KINDS])[0])

    async def _call(self, kind: Kind) -> None:
        self.placed += 1
        attempt = f"soak-{self.placed}"
        done = self.waiting[attempt] = asyncio.get_running_loop().create_future()
        code, answer = await request(self.bench, attempt, kind.suffix, kind.script, **kind.more)
        if code != 202:
            del self.waiting[attempt]
            if code == 503 and OVERLOADED.search(answer["reason"]):
                self.put_off += 1
            else:
                self.unexpected[f"not placed: {code} {answer.get('reason')}"] += 1
            await asyncio.sleep(1)
            return
        if kind.stop:
            await asyncio.wait({done}, timeout=kind.stop)
            async with self.bench.http.delete(f"{self.bench.api}/calls/{attempt}"):
                pass
        try:
            status = await asyncio.wait_for(done, 240)
        except TimeoutError:
            self.unexpected[f"{kind.suffix}: no end"] += 1
            return
        how = f"{status['disposition']} {status['dialog'] or ''}".strip()
        self.ended[how] += 1
        if how != kind.ends and not (self.stopping and how in STOPPED):
            self.unexpected[f"{kind.suffix}: {how} {status['reason']}, not {kind.ends}"] += 1

    async def hear(self) -> None:
        """The server's events."""
        async with self.bench.http.ws_connect(f"{self.bench.api}/events?after=0", max_msg_size=0) as socket:
            async for message in socket:
                event = message.json()
                if event["type"] == "ended" and (done := self.waiting.pop(event["attempt_id"], None)) is not None:
                    done.set_result(event["status"])

    async def end(self, slots: list[asyncio.Task[None]]) -> None:
        self.stopping = True
        for attempt in tuple(self.waiting):
            async with self.bench.http.delete(f"{self.bench.api}/calls/{attempt}"):
                pass
        await asyncio.gather(*slots)

    async def run(self, calls: int, minutes: float) -> list[tuple[float, Figures]]:
        """Figures with the minute they were taken in."""
        self.stopping = False
        began, looks = time.monotonic(), []
        slots = []
        for _ in range(calls):
            slots.append(asyncio.create_task(self.slot()))
            await asyncio.sleep(0.05)
        row = 1
        while (minute := (time.monotonic() - began) / 60) < minutes:
            await asyncio.sleep(min(LOOK, max(0.0, (minutes - minute) * 60)))
            looks.append(((time.monotonic() - began) / 60, await figures(self.bench)))
            if looks[-1][0] >= row * ROW:
                self._tell_row(looks[-1][0], [each for at, each in looks if at > looks[-1][0] - ROW])
                row += 1
        await self.end(slots)
        return looks

    def _tell_row(self, minute: float, looks: list[Figures]) -> None:
        last = looks[-1]
        held = last.held
        print(
            f"{minute:6.0f} {self.placed:7} {held['sip_calls']:5} {held['rtp_streams']:7} {held['rtp_sockets']:7}"
            f" {held['sip_transactions']:12} {held['tasks']:5} {last.descriptors:11} {last.threads:7}"
            f" {_middle(looks, 'switch'):9.1f} {_middle(looks, 'workers'):10.1f} {_middle(looks, 'files'):8.1f}"
            f" {_middle(looks, 'memory'):6.1f} {_middle(looks, 'shares'):6.1f} {self.unexpected.total():10}",
            flush=True,
        )


def _middle(looks: list[Figures], name: str) -> float:
    return sorted(getattr(each, name) for each in looks)[len(looks) // 2]


async def main() -> int:
    parser = argparse.ArgumentParser(prog="script/soak calls", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=MINUTES)
    parser.add_argument("--calls", type=int, default=CALLS, help="at a time (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--line", choices=("native", "asterisk"), default="native", help="(%(default)s)")
    arguments = parser.parse_args()
    folder = tempfile.TemporaryDirectory(prefix="clarion-soak-")
    with folder as name, _asterisk(Path(name), arguments.line) as access:
        bench_of_its_own = media_bench(
            Path(name),
            arguments.calls,
            "auto",
            {"once": ONCE},
            people=PEOPLE,
            ahead=("server",),
            ports=own_ports(),
            asterisk=access,
        )
        async with bench_of_its_own as bench:
            churn = Churn(bench, random.Random(arguments.seed))
            ear = asyncio.create_task(churn.hear())
            status = await _soak(churn, arguments.calls, arguments.minutes)
            ear.cancel()
    return status


@contextmanager
def _asterisk(directory: Path, line: str) -> Iterator[tuple[str, str, str] | None]:
    """Address, user and password of one, where the line wants it."""
    if line != "asterisk":
        yield None
    else:
        with asterisk(directory / "asterisk", own_ports()) as server:
            yield server.url, USER, PASSWORD


async def _soak(churn: Churn, calls: int, minutes: float) -> int:
    # Every part has worked once before the server is said to be idle.
    await churn.run(calls, min(1.0, minutes))
    before = await settled(churn.bench)
    print(f"{calls} calls at a time, seeded; memory in MB, medians of the last {ROW:.0f} minutes; idle: {before.held}")
    print(
        "minute  placed calls streams sockets transactions tasks descriptors threads"
        " mb-switch mb-workers mb-files mb-all mb-pss unexpected",
        flush=True,
    )
    began = time.monotonic()
    looks = await churn.run(calls, minutes)
    ran = (time.monotonic() - began) / 60
    after = await settled(churn.bench)
    ended = ", ".join(f"{count} {how}" for how, count in churn.ended.most_common())
    print(f"{ran:.1f} minutes run; ended: {ended}; {churn.put_off} times put off by a busy machine")
    return tell(
        {
            f"memory grows by at most {GROWTH_LIMIT:.0%} after the first {WARM_UP:.0f} minutes": _grown(looks),
            "every call ends as it should": [f"{count} x {what}" for what, count in churn.unexpected.most_common()],
            "no port, descriptor, task or thread is left": leaks(before, after),
            "the server's log has no error": complaints(churn.bench),
        }
    )


def _grown(looks: list[tuple[float, Figures]]) -> list[str]:
    """Nothing where it is met; the first five minutes after the warm-up are compared with the last five."""
    end = looks[-1][0]
    first = [each for at, each in looks if WARM_UP <= at < WARM_UP + ROW]
    last = [each for at, each in looks if at > end - ROW]
    if end < WARM_UP + 2 * ROW:
        return [f"{end:.1f} minutes are too short to tell: run at least {WARM_UP + 2 * ROW:.0f}"]
    grown = growth(first, last)
    shares = median(each.shares for each in last) / median(each.shares for each in first) - 1
    print(f"memory after the warm-up: {100 * grown:+.2f} %; proportional shares {100 * shares:+.2f} %")
    return [f"it grew by {100 * grown:.2f} %"] if grown > GROWTH_LIMIT else []


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
