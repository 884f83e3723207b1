"""What a person has allowed: the newest act for a channel and a purpose decides. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Consent(StrEnum):
    #: Nobody asked for one.
    NOT_NEEDED = ""
    GIVEN = "given"
    MISSING = "missing"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Act:
    """`order` tells acts of one moment apart: the later entered counts as later."""

    at: datetime
    order: int
    given: bool
    expires_at: datetime | None = None


def consent_of(acts: Iterable[Act], now: datetime) -> Consent:
    """What holds at `now`, of all acts of one person for one channel and purpose; those of the future do not count.

    Of a giving and a taking back at the same moment the taking back counts.
    """
    past = [act for act in acts if act.at <= now]
    if not past:
        return Consent.MISSING
    last = max(past, key=lambda act: (act.at, not act.given, act.order))
    if not last.given:
        return Consent.REVOKED
    return Consent.EXPIRED if last.expires_at is not None and last.expires_at <= now else Consent.GIVEN
