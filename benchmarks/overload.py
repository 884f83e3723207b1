"""What callers hear while more calls are offered than the processor bears: with admission by load, and without.

The switch runs its RTP loop in Python, held to one processor of which another program of the same priority takes most,
so that some hundred calls are too many. Calls are offered at a steady rate, then at a steep one, and stay; the
spacing of those admitted is captured where they arrive, from the first offer to the end of a plateau. Without
admission means the same program with a gate that is always open. At last a program that only burns time joins a few
calls there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.media import P99_LIMIT, PORTS, SUFFIX_TALK, Bench, hang_up, media_bench, request
from benchmarks.support.capture import capture, spacing

OFFERED, RATES, PLATEAU = 600, (20.0, 100.0), 10.0
_OPEN_GATE = (
    "from mediaserver.switch.loadgate import LoadGate; LoadGate.admit = lambda self: '';"
    "from mediaserver.main import main; raise SystemExit(main())"
)
_BURN = "while True: pass"
#: Four fifths of the time, in turns that by themselves are not yet too late.
_MOST_OF_IT = """
import time
while True:
    until = time.perf_counter() + 0.0016
    while time.perf_counter() < until: pass
    time.sleep(0.0004)
"""


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=OFFERED)
    parser.add_argument("--rates", type=float, nargs="*", default=list(RATES), help="calls offered a second")
    parser.add_argument("--plateau", type=float, default=PLATEAU, metavar="SECONDS")
    arguments = parser.parse_args()
    print(f"{arguments.calls} calls offered to a switch with a fifth of a processor (limit: p99 <= {P99_LIMIT:.0f} ms)")
    met = True
    for rate in arguments.rates:
        for name, program in (("admission by load", None), ("always open", ["-c", _OPEN_GATE])):
            with tempfile.TemporaryDirectory(prefix="clarion-bench-") as directory:
                async with media_bench(Path(directory), arguments.calls, "python", program=program) as bench:
                    _hold_to_one_processor(bench.server)
                    with _hog(bench.server, _MOST_OF_IT):
                        kept = await _offer(bench, name, rate, arguments, Path(directory))
                    met = met and (kept or program is not None)
                    if program is None and rate == arguments.rates[0]:
                        await _beside_a_hog(bench)
    return 0 if met else 1


async def _offer(bench: Bench, name: str, rate: float, arguments: argparse.Namespace, directory: Path) -> bool:
    """Whether what was admitted was heard in time."""
    attempts = [f"offered-{number}" for number in range(arguments.calls)]
    file, asked = directory / "offered.pcap", []
    with capture(file, PORTS):
        begun = time.monotonic()
        for number, attempt in enumerate(attempts):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            asked.append(asyncio.create_task(request(bench, attempt, SUFFIX_TALK, "talk")))
        codes = [code for code, _ in await asyncio.gather(*asked)]
        await asyncio.sleep(arguments.plateau)
    seen, load = spacing(file), await _load(bench)
    met = seen.p99 <= P99_LIMIT and codes.count(202) > 0
    verdict = "" if name == "always open" else f" {'MET' if met else 'NOT MET'};"
    print(
        f"  {rate:3.0f} a second, {name:17}:{verdict} {codes.count(202):4} admitted, {codes.count(503):4} refused;"
        f" {seen.streams} streams, p99 {seen.p99:.1f} ms, late {100 * seen.late:.2f} %, longest {seen.longest:.0f} ms;"
        f" of a core used {100 * load['busy']:.0f} %, wanted {100 * load['wanted']:.0f} %, {load['status']}",
        flush=True,
    )
    await hang_up(bench, [attempt for attempt, code in zip(attempts, codes, strict=True) if code == 202])
    return met


async def _beside_a_hog(bench: Bench) -> None:
    await _until(bench, "open", 60)
    attempts = [f"beside-{number}" for number in range(40)]
    for attempt in attempts:
        await request(bench, attempt, SUFFIX_TALK, "talk")
    with _hog(bench.server, _BURN):
        closed = await _until(bench, "closed", 20)
        code, answer = await request(bench, "late", SUFFIX_TALK, "talk")
    recovering = await _until(bench, "recovering", 60)
    print(f"  a hog beside 40 calls: refused after {closed:.1f} s ({code}: {answer.get('reason', '')});", end="")
    print(f" {recovering:.1f} s after it was gone calls are let in again")
    await hang_up(bench, attempts)


async def _until(bench: Bench, state: str, patience: float) -> float:
    """Seconds until then."""
    begun = time.monotonic()
    while (await _load(bench))["admission"] != state:
        if time.monotonic() - begun > patience:
            raise SystemExit(f"admission is not {state} after {patience:.0f} s")
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def _load(bench: Bench) -> dict[str, Any]:
    async with bench.http.get(f"{bench.api}/status") as answer:
        told: dict[str, Any] = await answer.json()
        return told


def _hold_to_one_processor(pid: int) -> None:
    """Its threads too; the workers go where they like."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {min(os.sched_getaffinity(0))})


@contextmanager
def _hog(beside: int, program: str) -> Iterator[None]:
    """Burns time at the priority and on the processor of `beside`."""
    hog = subprocess.Popen([sys.executable, "-c", program])
    try:
        os.sched_setaffinity(hog.pid, os.sched_getaffinity(beside))
        os.sched_setscheduler(hog.pid, os.sched_getscheduler(beside), os.sched_getparam(beside))
        yield
    finally:
        hog.kill()
        hog.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
