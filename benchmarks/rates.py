"""Agentless pacing on a real job: engine, media server and the simulated carrier as processes, counted at the carrier.

For a minute each, after ten seconds to warm up: calls a second beside what is configured (within 2 %), and the most
calls in any one second beside the trunk's calls per second (never more). The last line is two jobs on one trunk, which
share its calls per second by their weights.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from app.db import make_engine, read_transaction, write_transaction
from app.models import Attempt, Campaign, Contact, Job
from app.security.access import Actor
from app.services import jobs, lists
from app.services.campaigns import CampaignFields, create_campaign
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
    ({"mode": "timed", "rate": 12, "per": "second"}, 6, 6.0),
    ({"mode": "none"}, 6, 6.0),
)
#: Calls a second of the trunk that two jobs share, and the weight of each.
SHARED, WEIGHTS = 6, (2, 1)


Rings = list[tuple[float, int]]


def rings(pacings: Sequence[Mapping[str, Any]], calls_per_second: int, contacts: int) -> Rings:
    """When the carrier was asked to ring (seconds, in order) and by which job, for a job of each pacing."""
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
                pacing=pacings[0],
                calls_per_second=calls_per_second,
            )
            first = campaigns.start_job(url, plan)
            for pacing in pacings[1:]:
                add_rival(url, first, pacing)
            clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE)
            clarion.wait_for("a first ring", clarion.journal.exists, 60)
            time.sleep(WARM + MINUTE + 5.0)
            lines = [line for line in read_journal(clarion.journal) if line["event"] == "ring"]
        jobs_of = jobs_of_attempts(url)
    return sorted((datetime.fromisoformat(line["at"]).timestamp(), jobs_of[line["attempt"]]) for line in lines)


def add_rival(url: str, job_id: int, pacing: Mapping[str, Any]) -> None:
    """A second job like the first, before either has its audience: contacts are split by the weights, so both last."""
    engine, actor = make_engine(url), Actor.system()
    with write_transaction(engine) as session:
        campaign = session.get_one(Campaign, session.get_one(Job, job_id).campaign_id)
        theirs = lists.create_list(session, actor, "Others", organization_id=campaign.organization_id)
        session.execute(update(Contact).where(Contact.id % sum(WEIGHTS) < WEIGHTS[1]).values(contact_list_id=theirs.id))
        fields = CampaignFields(
            name="Rival",
            contact_list_id=theirs.id,
            strategy_id=campaign.strategy_id,
            script_id=campaign.script_id,
            calling_window_id=campaign.calling_window_id,
            trunk_id=campaign.trunk_id,
            caller_id=campaign.caller_id,
            pacing=pacing,
            senders=campaign.senders,
        )
        jobs.start_job(session, actor, create_campaign(session, actor, fields, campaign.organization_id).id)
    engine.dispose()


def jobs_of_attempts(url: str) -> dict[str, int]:
    engine = make_engine(url)
    with read_transaction(engine) as session:
        found = {attempt: job for attempt, job in session.execute(select(Attempt.id, Attempt.job_id))}
    engine.dispose()
    return found


def most_in_a_second(times: list[float]) -> int:
    most, oldest = 0, 0
    for newest, at in enumerate(times):
        while times[oldest] <= at - 1.0:
            oldest += 1
        most = max(most, newest - oldest + 1)
    return most


def measured(pacings: Sequence[Mapping[str, Any]], limit: int, wanted: Sequence[float]) -> bool:
    """Print a line for each job; whether all keep what they were told."""
    contacts = min(len(QUICK) * len(campaigns.AREA_CODES), int(sum(wanted) * (WARM + MINUTE + 15)))
    found = rings(pacings, limit, contacts)
    begin = found[0][0] + WARM
    most = most_in_a_second([at for at, _ in found])
    met = most <= limit
    for job, pacing, rate in zip(sorted({job for _, job in found}), pacings, wanted, strict=True):
        seen = sum(begin <= at < begin + MINUTE for at, of in found if of == job) / MINUTE
        off = seen / rate - 1.0
        met = met and abs(off) <= 0.02
        print(f"{pacing!s:48}{rate:8.2f}/s{seen:7.2f}/s{off:+8.1%}{most:13}{limit:7}", flush=True)
    return met


def main() -> int:
    print(f"{'pacing':48}{'wanted':>9}{'seen':>9}{'off':>8}{'most in 1 s':>13}{'trunk':>7}")
    met = [measured([pacing], limit, [wanted]) for pacing, limit, wanted in CASES]
    shared = [SHARED * weight / sum(WEIGHTS) for weight in WEIGHTS]
    met.append(measured([{"mode": "none", "weight": weight} for weight in WEIGHTS], SHARED, shared))
    print("MET" if all(met) else "NOT MET")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
