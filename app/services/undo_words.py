"""What was deleted, kept encrypted for as long as its Undo button works; the button itself has a word alone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from app.models import KeptDeletion
from app.security.secrets import Vault

#: For how long the button works.
PATIENCE = timedelta(minutes=10)


def hand_out(session: Session, vault: Vault, user_id: int | None, kept: Mapping[str, Any], now: datetime) -> str:
    """A word by which this user gets back what `undo.keep` kept. Words whose time is over go."""
    session.execute(delete(KeptDeletion).where(KeptDeletion.until <= now))
    word = secrets.token_urlsafe(24)
    session.add(
        KeptDeletion(
            word=word,
            organization_id=kept["row"]["organization_id"],
            user_id=user_id,
            body=vault.encrypt(json.dumps(kept)),
            until=now + PATIENCE,
        )
    )
    return word


def given_for(session: Session, vault: Vault, user_id: int | None, word: str, now: datetime) -> dict[str, Any] | None:
    """What the word stands for; None where it is another's, none or too late."""
    mine = (KeptDeletion.word == word, KeptDeletion.user_id == user_id, KeptDeletion.until > now)
    body = session.scalar(select(KeptDeletion.body).where(*mine))
    return None if body is None else json.loads(vault.decrypt(body))


def withdraw(session: Session, organization_id: int) -> None:
    """Nothing deleted so far comes back: one of the organization's people was erased, and may be among it."""
    owner = or_(KeptDeletion.organization_id == organization_id, KeptDeletion.organization_id.is_(None))
    session.execute(delete(KeptDeletion).where(owner))
