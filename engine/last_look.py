"""An attempt that was committed and has not left at once: do-not-call lists are asked for once more before it does."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.strategy import Channel
from app.models import DncKind
from engine.outcomes import Running
from engine.people import listed_attempts


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
