"""Jobs whose list is being replaced: none begins while an import replaces it, or takes out who is not in its file.

Nobody waits for a lock: an audience that was frozen meanwhile is given up and frozen again. Where the replacement was
whole, a job so begins with the list as it was or as it will be. One that failed, was cancelled or asks whom to take out
holds no job back, or a job might wait without end: the list has the rows that were taken and everybody else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.models import ImportMode, ImportRun, ImportState, Job, JobContact, JobState, Removal
from engine.freezing import forget_order

#: Machines' clocks may differ by so much.
MARGIN = timedelta(seconds=5)
#: What a job says that waits begins so.
WAITS = "waits for its contact list"


def replacing(session: Session, contact_list_id: int, since: datetime) -> int | None:
    """An import that replaces the list, now or at some time after `since`. Where nobody works at it any more, its page
    has the way out: to cancel it, or (`Removal.TAKING`) to go on or undo it."""
    mine = (ImportRun.contact_list_id == contact_list_id, ImportRun.mode == ImportMode.REPLACE, ~ImportRun.dry)
    at_work = or_(
        ImportRun.state == ImportState.RUNNING,
        ImportRun.ended_at > since - MARGIN,
        ImportRun.removal == Removal.TAKING,
    )
    return session.scalar(select(ImportRun.id).where(*mine, at_work).limit(1))


def wait(session: Session, job_id: int, run_id: int) -> None:
    """Say why the job does not begin."""
    words = f"{WAITS}: import {run_id} replaces it"
    session.execute(update(Job).where(Job.id == job_id, Job.detail != words).values(detail=words))


def give_up(session: Session, job_id: int, limit: int) -> bool:
    """Take back some of what was frozen of a job that has not begun; whether there may be more."""
    queued = session.scalar(select(Job.id).where(Job.id == job_id, Job.state == JobState.QUEUED).with_for_update())
    if queued is None:
        return False
    ids = list(session.scalars(select(JobContact.id).where(JobContact.job_id == job_id).limit(limit)))
    if ids:
        session.execute(delete(JobContact).where(JobContact.id.in_(ids)))
    else:
        forget_order(session, job_id)
        session.execute(update(Job).where(Job.id == job_id).values(audience=0))
    return bool(ids)
