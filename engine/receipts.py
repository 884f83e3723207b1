"""Receipts that web took in (app.services.receipts): a contact that waits for one goes on at once.

The hint may be lost; then the contact goes on when its wait is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.core.strategy import Finished, RunnerState
from app.core.strategy.runner import Phase
from app.db import write_transaction
from app.models import Address, Attempt, AttemptState, JobContact, JobContactState
from engine.outcomes import follow
from engine.plans import CodeFlags, JobPlan

TOPIC = "receipt"
#: What a message's code may be before its receipt.
OPEN = ("SMS_SENT", "EMAIL_SENT")


@dataclass(frozen=True, slots=True)
class Receipt:
    attempt_id: str
    code: str

    @classmethod
    def from_hint(cls, payload: Mapping[str, Any]) -> Receipt:
        return cls(str(payload["attempt_id"]), str(payload["code"]))


def apply(engine: Engine, receipt: Receipt, plans: Mapping[int, JobPlan], now: datetime) -> bool:
    """False while the attempt is not recorded as sent yet: ask again. Doing it twice changes nothing. Blocks."""
    with write_transaction(engine) as session:
        attempt = session.get(Attempt, receipt.attempt_id)
        if attempt is None:
            return True
        if attempt.state != AttemptState.DONE:
            return False
        session.execute(
            update(Attempt)
            .where(Attempt.id == attempt.id, Attempt.completion_code.in_(OPEN))
            .values(completion_code=receipt.code)
        )
        contact = session.get(JobContact, attempt.job_contact_id, with_for_update=True)
        if contact is None or contact.attempt_count != attempt.number:
            return True
        if contact.state == JobContactState.DONE and contact.final_code in OPEN:
            # The strategy was done with SENT; the contact's code says how it really ended.
            contact.last_code = contact.final_code = receipt.code
        elif contact.state == JobContactState.READY and (plan := plans.get(attempt.job_id)) is not None:
            _go_on(session, contact, attempt, plan, receipt.code, now)
        return True


def _go_on(session: Session, contact: JobContact, attempt: Attempt, plan: JobPlan, code: str, now: datetime) -> None:
    state = RunnerState.from_json(contact.strategy_state)
    if state.phase is not Phase.WAITING:
        return
    name = session.scalar(select(Address.name).where(Address.id == attempt.address_id)) or ""
    closes = plan.codes.get(code, CodeFlags(closes=False, nuisance=False)).closes
    following = follow(plan, state, Finished(code, name, closes), now)
    session.execute(
        update(JobContact)
        .where(JobContact.id == contact.id, JobContact.state == JobContactState.READY)
        .values(
            state=following.state,
            due_at=following.due_at,
            strategy_state=dict(following.strategy_state),
            last_code=code,
            final_code=following.final_code,
            updated_at=now,
        )
    )
