"""`clarion campaign start|pause|resume|stop NAME` and `clarion report job ID`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.services.reports import JobSummary

_WISHES = ("start", "pause", "resume", "stop")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    campaign = subparsers.add_parser("campaign", help="start a campaign, or pause, resume or stop its job")
    campaign.add_argument("wish", choices=_WISHES, metavar="|".join(_WISHES), help="what to do")
    campaign.add_argument("name", help="the campaign's name")
    campaign.set_defaults(run=_campaign)
    report = subparsers.add_parser("report", help="print a job's figures")
    kinds = report.add_subparsers(dest="report", required=True, metavar="job")
    job = kinds.add_parser("job", help="contacts and attempts of one job, by state and completion code")
    job.add_argument("id", type=int, help="the job's number, as `clarion campaign start` prints it")
    job.add_argument("--json", action="store_true", help="print one JSON object")
    job.set_defaults(run=_report_job)


def _campaign(arguments: argparse.Namespace) -> int:
    from app.db import make_engine, write_transaction
    from app.security.access import Actor
    from app.services.campaigns import find_campaign
    from app.services.jobs import list_jobs, request, start_job
    from common.errors import Refused
    from common.settings import Settings

    actor = Actor.system()
    with write_transaction(make_engine(Settings.load().database_url)) as session:
        campaign = find_campaign(session, actor, arguments.name)
        if arguments.wish == "start":
            job = start_job(session, actor, campaign.id)
        else:
            going = list_jobs(session, actor, campaign_id=campaign.id, active=True, limit=1)
            if not going:
                raise Refused(f"campaign {campaign.name!r} has no job going; start it first")
            job = request(session, actor, going[0].id, arguments.wish)
        print(f"job {job.id}: {job.state}")
    return 0


def _report_job(arguments: argparse.Namespace) -> int:
    from app.db import make_engine, read_transaction
    from app.security.access import Actor
    from app.services.reports import job_summary
    from common.settings import Settings

    with read_transaction(make_engine(Settings.load().database_url)) as session:
        summary = job_summary(session, Actor.system(), arguments.id)
    if arguments.json:
        json.dump({**asdict(summary), "reconciles": summary.reconciles}, sys.stdout, default=str)
        print()
    else:
        _print(summary)
    return 0


def _print(summary: JobSummary) -> None:
    print(f"Job {summary.job_id}, campaign {summary.campaign!r}: {summary.state} {summary.detail}".rstrip())
    _table("Contacts", [(state, count) for state, count in sorted(summary.contacts_by_state.items())])
    _table("  of the audience", [("total", summary.audience)])
    _table("Attempts by completion code", [(f"{row.code} ({row.channel})", row.count) for row in summary.codes])
    _table("  in progress", [("attempts", summary.attempts_in_progress), ("total", summary.attempts)])
    _table("Contacts by final code", sorted(summary.final_codes.items(), key=lambda item: -item[1]))
    _table("Held back", sorted(summary.holds.items()))
    print("The figures add up." if summary.reconciles else "THE FIGURES DO NOT ADD UP: report this as a defect.")


def _table(title: str, rows: list[tuple[Any, int]]) -> None:
    if rows:
        print(title)
        for name, count in rows:
            print(f"  {name:<44}{count:>8}")
