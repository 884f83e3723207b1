"""What becomes of calls where the network loses packets, by the timers of RFC 3261: real sockets, SIP and channels.

Targets: 10 % lost each way, every call ends with the right code; 30 %, no channel is stuck 64 s after our last order; a
far end that goes silent, the channel is back within 35 s.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.support.loss_count import GONE, WAYS, Outcome, lossy_calls, silent_call

T1 = 0.5
LOSSY_PATIENCE, SILENT_PATIENCE = 64.0, 35.0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="in each way that calls may go")
    calls = parser.parse_args().calls
    lossy = [(loss, way) for loss in (10, 30) for way in WAYS]
    runs = [lossy_calls(way, calls, loss, T1, LOSSY_PATIENCE) for loss, way in lossy]
    outcomes = await asyncio.gather(*runs, *(silent_call(when, T1, SILENT_PATIENCE) for when in GONE))
    met = True
    for (loss, way), outcome in zip(lossy, outcomes, strict=False):
        right = outcome.ends[WAYS[way]] == calls if loss == 10 else outcome.ends.total() == calls
        met = _show(f"{loss} % lost, {way}", outcome, right and not outcome.left) and met
    for when, outcome in zip(GONE, outcomes[len(lossy) :], strict=True):
        right = outcome.ends[GONE[when][2]] == 1 and outcome.slowest <= SILENT_PATIENCE
        met = _show(f"silent {when}", outcome, right and not outcome.left) and met
    return 0 if met else 1


def _show(what: str, outcome: Outcome, met: bool) -> bool:
    ends = ", ".join(f"{count} {end}" for end, count in outcome.ends.most_common())
    left = outcome.left or "nothing left"
    print(f"  {what:34s} {ends}; slowest end {outcome.slowest:.1f} s; {left}: {'met' if met else 'NOT MET'}")
    return met


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
