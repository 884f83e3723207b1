"""Agentless pacing on a real job: engine, media server and the simulated carrier as processes, counted at the carrier.

For a minute each, after ten seconds to warm up: calls a second beside what is configured (within 2 %), and the most
calls in any one second beside the trunk's calls per second (never more).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from simulators.carrier.journal import read_journal
from tests.support import campaigns
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, installation

WARM, MINUTE = 10.0, 60.0
CAMPAIGN = Path(__file__).parents[1] / "tests" / "integration" / "crash" / "campaign"
ONE_CALL = """<Strategy xmlns="urn:clarion:strategy:1" version="1" name="One call"><Handler name="call">
<Call timeout="15s"><Address attribute="phone1"/><Results default="done"/></Call></Handler></Strategy>"""
#: Busy, declined, gone: calls that end soon, need no sound and are no fault of the trunk's: only pacing decides.
QUICK = ("01", "03", "05", "20", "21", "22", "26", "27")
#: What the job is told, the trunk's calls per second, and the calls a second to expect.
CASES: tuple[tuple[Mapping[str, Any], int, float], ...] = (
    ({"mode": "timed", "rate": 5, "per": "second"}, 50, 5.0),
    ({"mode": "timed", "rate": 200, "per": "minute"}, 50, 200 / 60),
    ({"mode": "none"}, 6, 6.0),
)


def rings(pacing: Mapping[str, Any], calls_per_second: int, contacts: int) -> list[float]:
    """When the carrier was asked to ring, seconds, in order."""
    suffixes = [QUICK[at % len(QUICK)] for at in range(contacts)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        strategy = home / "strategy.xml"
        strategy.write_text(ONE_CALL, encoding="utf-8")
        url = f"sqlite:///{home / 'clarion.db'}"
        with installation(home, url) as clarion:
            plan = campaigns.Plan(
                suffixes=suffixes,
                script=CAMPAIGN / "visit.vxml",
                strategy=strategy,
                trunk=clarion.at.carrier_sip,
                media_server=f"http://{clarion.at.control}",
                with_email=False,
                pacing=pacing,
                calls_per_second=calls_per_second,
            )
            campaigns.start_job(url, plan)
            clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE)
            clarion.wait_for("a first ring", clarion.journal.exists, 60)
            time.sleep(WARM + MINUTE + 5.0)
            lines = list(read_journal(clarion.journal))
    return sorted(datetime.fromisoformat(line["at"]).timestamp() for line in lines if line["event"] == "ring")


def most_in_a_second(times: list[float]) -> int:
    most, oldest = 0, 0
    for newest, at in enumerate(times):
        while times[oldest] <= at - 1.0:
            oldest += 1
        most = max(most, newest - oldest + 1)
    return most


def main() -> int:
    met = True
    print(f"{'pacing':38}{'wanted':>9}{'seen':>9}{'off':>8}{'most in 1 s':>13}{'trunk':>7}")
    for pacing, limit, wanted in CASES:
        times = rings(pacing, limit, min(len(QUICK) * len(campaigns.AREA_CODES), int(wanted * (WARM + MINUTE + 15))))
        counted = [at for at in times if WARM <= at - times[0] < WARM + MINUTE]
        seen, most = len(counted) / MINUTE, most_in_a_second(times)
        off = seen / wanted - 1.0
        met = met and abs(off) <= 0.02 and most <= limit
        print(f"{pacing!s:38}{wanted:8.2f}/s{seen:7.2f}/s{off:+8.1%}{most:13}{limit:7}", flush=True)
    print("MET" if met else "NOT MET")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
