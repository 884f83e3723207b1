"""An attempt that was committed and has not left at once: do-not-call lists are asked for once more before it does."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.strategy import Channel
from app.models import DncKind
from common.clock import Clock
from engine.outcomes import Running
from engine.people import listed_attempts
from engine.store import NewAttempt


def still_ours(attempt: NewAttempt, clock: Clock, alive_since: float) -> bool:
    """Our life as an engine, which lasts since then (monotonic), has not run out since the attempt was begun, not even
    for a moment in which another could have taken it over."""
    age = (clock.utcnow() - attempt.started_at).total_seconds()
    return clock.monotonic() - age >= alive_since


async def listed_by_now(database: Engine, running: Running, now: datetime, patience: float) -> bool:
    """False for an attempt that the gate has looked at within `patience` seconds: its look still holds."""
    attempt, plan = running.attempt, running.plan
    if now - attempt.started_at < timedelta(seconds=patience):
        return False
    listed = await asyncio.to_thread(
        listed_attempts,
        database,
        plan.organization_id,
        plan.campaign_id,
        plan.calendar.zones,
        [(attempt.contact_id, attempt.address)],
        now,
        DncKind.EMAIL if attempt.channel == Channel.EMAIL else DncKind.PHONE,
    )
    return bool(listed)
