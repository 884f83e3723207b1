"""The look for attempts that keep others away from the same address: the gate's, and the panel's that explains it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column, null, select, union_all
from sqlalchemy.orm import Session

from app.core.compliance import GUARD, Quiet
from app.models import Attempt, TestCall

# Literals, so that each half matches its partial index.
_UNDER_WAY = Attempt.state == literal_column("'in_progress'")
_UNKNOWN = Attempt.completion_code == literal_column("'OUTCOME_UNKNOWN'")
_VOICE: ColumnElement[str] = literal_column("'voice'")
_TESTED = (TestCall.state != literal_column("'done'")) & (TestCall.state == literal_column("'in_progress'"))


@dataclass(frozen=True, slots=True)
class QuietAddress:
    """An address with the attempt to it; `job_contact_id` None for a test call."""

    address: str
    job_contact_id: int | None
    quiet: Quiet


def quiet_addresses(
    session: Session, organization_id: int, addresses: Collection[str], now: datetime
) -> list[QuietAddress]:
    """Attempts to these addresses (E.164 or email) that are under way, or whose guard time is not over."""
    wanted = sorted(set(addresses))

    def attempts(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        columns = (Attempt.address, Attempt.job_contact_id, Attempt.channel, Attempt.started_at, Attempt.ended_at)
        whom = (Attempt.organization_id == organization_id) & Attempt.address.in_(wanted)
        return select(*columns, Attempt.job_id).where(whom, which)

    tests = select(TestCall.address, null(), _VOICE, TestCall.started_at, TestCall.ended_at, null()).where(
        TestCall.organization_id == organization_id, TestCall.address.in_(wanted), _TESTED
    )
    guarded = _UNKNOWN & (Attempt.ended_at > now - GUARD)
    rows = session.execute(union_all(attempts(_UNDER_WAY), attempts(guarded), tests))
    return [QuietAddress(address, job_contact, Quiet(*rest)) for address, job_contact, *rest in rows]
