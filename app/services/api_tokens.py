"""Tokens by which programs use the REST API: made and revoked by who manages users, kept as a digest only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from app.models import ApiRequest, ApiToken
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.organizations import organization_for
from common.clock import utcnow
from common.errors import ClarionError, Refused

#: What a token may be allowed.
GRANTABLE = (
    Permission.LISTS_VIEW, Permission.NUMBERS_VIEW, Permission.LISTS_EDIT, Permission.DNC_VIEW, Permission.DNC_EDIT,
    Permission.CAMPAIGNS_VIEW, Permission.SETTINGS_MANAGE,
)  # fmt: skip
PREFIX = "clarion_"
#: How long a repeated request gets its first answer again.
REMEMBERED = timedelta(hours=24)
_SHOWN = len(PREFIX) + 6
_MOST_PER_MINUTE = 60_000
_LONGEST_KEY = 255


class BadApiToken(ClarionError):
    """The token is unknown or was revoked."""


class TooManyRequests(ClarionError):
    """The token has had its requests of this minute; try again after it."""


class KeyTaken(ClarionError):
    """Idempotency-Key: was given with another request before; take a new key for a new request."""


@dataclass(frozen=True, slots=True)
class Made:
    """`text` is the token, told this once."""

    token: ApiToken
    text: str


def list_tokens(session: Session, actor: Actor) -> list[ApiToken]:
    """Revoked ones too, which the audit trail speaks of."""
    actor.require(Permission.USERS_MANAGE)
    return list(session.scalars(scoped(select(ApiToken), ApiToken, actor).order_by(ApiToken.name, ApiToken.id)))


def create_token(
    session: Session,
    actor: Actor,
    name: str,
    permissions: Collection[str],
    *,
    requests_per_minute: int = 600,
    organization_id: int | None = None,
) -> Made:
    """A token is always of one organization, and allows no more than its maker may do."""
    actor.require(Permission.USERS_MANAGE)
    home = organization_for(session, actor, organization_id)
    name = name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters, such as the program's name")
    wanted = [permission for permission in GRANTABLE if permission in permissions]
    if not wanted or len(wanted) != len(set(permissions)):
        raise Refused(f"permissions: choose among {', '.join(GRANTABLE)}")
    actor.require(*wanted)
    if not 1 <= requests_per_minute <= _MOST_PER_MINUTE:
        raise Refused(f"requests_per_minute: give a whole number from 1 to {_MOST_PER_MINUTE:,}")
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        organization_id=home,
        name=name,
        beginning=text[:_SHOWN],
        digest=_digest(text),
        permissions=[str(permission) for permission in wanted],
        requests_per_minute=requests_per_minute,
        created_by=actor.user_id,
        created_at=utcnow(),
    )
    session.add(token)
    session.flush()
    record(session, actor, "api_token.create", token, after={"name": name, "permissions": token.permissions})
    return Made(token, text)


def revoke_token(session: Session, actor: Actor, token_id: int) -> str:
    """From the next request on. Answers the name."""
    actor.require(Permission.USERS_MANAGE)
    token = get_scoped(session, actor, ApiToken, token_id)
    if token.revoked_at is None:
        token.revoked_at = utcnow()
        session.execute(delete(ApiRequest).where(ApiRequest.api_token_id == token.id))
        record(session, actor, "api_token.revoke", token, before={"name": token.name})
    return token.name


def admit(session: Session, text: str, remote_address: str, now: datetime) -> tuple[int, Actor]:
    """The token's id and whom it stands for; counts the request. Raise BadApiToken or TooManyRequests.

    What is compared is a digest of 256 random bits, so that neither the database nor the time it takes tells anything.
    """
    minute = int(now.timestamp()) // 60
    row = session.execute(
        update(ApiToken)
        .where(ApiToken.digest == _digest(text), ApiToken.revoked_at.is_(None))
        .values(
            counted=case((ApiToken.counted_minute == minute, ApiToken.counted + 1), else_=1),
            counted_minute=minute,
            last_used_at=now,
        )
        .returning(
            ApiToken.id, ApiToken.organization_id, ApiToken.name, ApiToken.permissions, ApiToken.counted,
            ApiToken.requests_per_minute,
        )
    ).one_or_none()  # fmt: skip
    if row is None:
        raise BadApiToken
    if row.counted > row.requests_per_minute:
        raise TooManyRequests
    allowed = frozenset(Permission(name) for name in row.permissions) & frozenset(GRANTABLE)
    return row.id, Actor(None, f"API token {row.name}", row.organization_id, allowed, remote_address)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str


def remembered(session: Session, token_id: int, key: str, digest: str, now: datetime) -> Answer | None:
    """The answer that this request got before. Raise KeyTaken where the key is another request's."""
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise Refused(f"Idempotency-Key: give 1 to {_LONGEST_KEY} printable characters")
    row = session.scalar(
        select(ApiRequest).where(
            ApiRequest.api_token_id == token_id, ApiRequest.key == key, ApiRequest.created_at > now - REMEMBERED
        )
    )
    if row is None:
        return None
    if row.digest != digest:
        raise KeyTaken
    return Answer(row.status, row.body)


def remember(session: Session, token_id: int, key: str, digest: str, answer: Answer, now: datetime) -> None:
    """In the transaction of what the request did. The same key at the same moment breaks a unique constraint."""
    old = ApiRequest.created_at <= now - REMEMBERED
    session.execute(delete(ApiRequest).where(old, ApiRequest.api_token_id == token_id))
    session.add(
        ApiRequest(
            api_token_id=token_id, key=key, digest=digest, status=answer.status, body=answer.body, created_at=now
        )
    )
    session.flush()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
