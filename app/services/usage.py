"""What still uses a thing that a person wants to change or delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.models import Campaign, Job
from app.services.jobs import ENDED


@dataclass(frozen=True, slots=True)
class Use:
    """Campaigns by name, and the jobs going on now that were started with it."""

    campaigns: tuple[str, ...] = ()
    jobs: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """Such as: the campaign 'Reminders' and job 7; "" for none."""
        parts = []
        if self.campaigns:
            names = ", ".join(repr(name) for name in self.campaigns[:3])
            more = f" and {len(self.campaigns) - 3} more" if len(self.campaigns) > 3 else ""
            parts.append(f"the campaign{'s' if len(self.campaigns) > 1 else ''} {names}{more}")
        if self.jobs:
            parts.append(f"job{'s' if len(self.jobs) > 1 else ''} {', '.join(map(str, self.jobs[:5]))}")
        return " and ".join(parts)


def use_of(session: Session, column: InstrumentedAttribute[int], row_id: int) -> Use:
    """Who uses the row that the campaigns' `column` refers to; jobs keep the same name in their settings."""
    campaigns = session.scalars(select(Campaign.name).where(column == row_id).order_by(Campaign.name))
    going: dict[int, dict[str, Any]] = {
        job_id: settings
        for job_id, settings in session.execute(
            select(Job.id, Job.settings).where(Job.state.not_in(ENDED)).order_by(Job.id)
        )
    }
    jobs = tuple(job_id for job_id, settings in going.items() if settings.get(column.key) == row_id)
    return Use(tuple(campaigns), jobs)
