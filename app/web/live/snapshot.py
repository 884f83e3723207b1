"""A job at one moment, as the parts of its page: the same for the first view, for polling and for the live stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import Environment
from sqlalchemy.orm import Session

from app.models import JobState
from app.security.access import Actor
from app.services.jobs import ENDED
from app.services.reports import CodeCount, JobSummary, LiveCall, RatePoint, job_summary, live_calls, rate_series
from common.masking import mask_email, mask_number

#: Parts of the page, each a template `jobs/_<part>.html`.
PARTS = ("state", "funnel", "codes", "books", "calls")
MOST_CALLS = 50
#: Single seconds are too jagged to read.
CHART_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the funnel: contacts, and their share of the step before and of the audience."""

    title: str
    count: int
    of_previous: float | None
    of_audience: float
    look: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    summary: JobSummary
    calls: Sequence[LiveCall]
    rates: Sequence[RatePoint]

    @property
    def ended(self) -> bool:
        return JobState(self.summary.state) in ENDED

    @property
    def stages(self) -> list[Stage]:
        funnel = self.summary.funnel
        steps = (
            ("Audience", funnel.audience, ""),
            ("Attempted", funnel.attempted, "is-people"),
            ("Answered", funnel.answered, "is-people"),
            ("Right party", funnel.right_party, "is-people"),
            ("Success", funnel.success, "is-good"),
        )
        stages: list[Stage] = []
        for title, count, look in steps:
            before = stages[-1].count if stages else None
            share = None if before is None else count / before if before else 0.0
            stages.append(Stage(title, count, share, count / funnel.audience if funnel.audience else 0.0, look))
        return stages

    @property
    def codes(self) -> Sequence[CodeCount]:
        return self.summary.codes


def take(session: Session, actor: Actor, job_id: int, now: datetime) -> Snapshot:
    return Snapshot(
        job_summary(session, actor, job_id),
        live_calls(session, actor, job_id, MOST_CALLS),
        rate_series(session, actor, job_id, now),
    )


def render_parts(environment: Environment, snapshot: Snapshot) -> dict[str, str]:
    return {
        part: environment.get_template(f"jobs/_{part}.html").render(view=snapshot, mask=mask_address) for part in PARTS
    }


def chart(snapshot: Snapshot) -> dict[str, list[Any]]:
    """Series for the rate chart: the beginning of each slot of CHART_SECONDS (unix time), then attempts started,
    answered and ended in it. Slots begin at whole multiples, so that those past never change."""
    slots: dict[int, list[int]] = {}
    for point in snapshot.rates:
        at = int(point.at.timestamp())
        counts = slots.setdefault(at - at % CHART_SECONDS, [0, 0, 0])
        for index, count in enumerate((point.started, point.answered, point.ended)):
            counts[index] += count
    started, answered, ended = ([counts[index] for counts in slots.values()] for index in range(3))
    return {"at": list(slots), "started": started, "answered": answered, "ended": ended}


def mask_address(address: str) -> str:
    return mask_email(address) if "@" in address and not address.startswith("sip:") else mask_number(address)
