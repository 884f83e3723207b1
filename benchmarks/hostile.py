"""Calls that go on while other revisions' scripts loop, sort, backtrack and eat memory in their own workers.

RTP spacing is taken by capture where the far end gets it, first while the calls are alone, then while a hostile call
comes every half second: the first is the peer of the second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.media import (
    PORTS,
    RAMP,
    SUFFIX_DIRECT,
    SUFFIX_TALK,
    Bench,
    hang_up,
    media_bench,
    place,
    start_all,
    until_up,
)
from benchmarks.support.capture import Spacing, capture, spacing
from tests.support.hostile_scripts import SCRIPTS

HOSTILE = ("while(1)", "sort of 1e8", "regular expression", "strings kept", "error traps", "endless goto")
CALLS, SECONDS, INTERVAL = 20, 15.0, 0.5


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    arguments = parser.parse_args()
    pages = {f"hostile-{number}": body for number, name in enumerate(HOSTILE) if isinstance(body := _page(name), bytes)}
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
        async with media_bench(Path(directory), arguments.calls, "auto", pages) as bench:
            attempts = [f"talk-{number}" for number in range(arguments.calls)]
            await start_all(bench, attempts, RAMP, SUFFIX_TALK, "talk")
            await until_up(bench, attempts)
            alone = await _watch(bench, Path(directory) / "alone.pcap", arguments.seconds, attacked=False)
            attacked = await _watch(bench, Path(directory) / "attacked.pcap", arguments.seconds, attacked=True)
            await hang_up(bench, attempts)
    print(f"RTP spacing of {arguments.calls} calls at the far end, ms, while they are alone and under attack")
    for what, seen in (("alone", alone), ("attacked", attacked)):
        figures = f"mean {seen.mean:.3f}  p99 {seen.p99:.2f}  longest {seen.longest:.1f}  late {100 * seen.late:.4f} %"
        print(f"  {what:<9} {seen.streams} streams, {seen.packets} packets, missing {seen.missing}; {figures}")
    return 0


def _page(name: str) -> object:
    return SCRIPTS[name]["start.vxml"]


async def _watch(bench: Bench, file: Path, seconds: float, attacked: bool) -> Spacing:
    with capture(file, PORTS):
        if attacked:
            await _attack(bench, seconds)
        else:
            await asyncio.sleep(seconds)
    return spacing(file, at_least=int(seconds * 40))


async def _attack(bench: Bench, seconds: float) -> None:
    """Each hostile call is of a revision of its own."""
    for number in range(int(seconds / INTERVAL)):
        await place(bench, f"hostile-{number}", SUFFIX_DIRECT, f"hostile-{number % len(HOSTILE)}", f"hostile-{number}")
        await asyncio.sleep(INTERVAL)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
