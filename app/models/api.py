"""Programs that use the REST API: their tokens, and the answers that repeated requests get again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef


class ApiToken(Base):
    """The token itself is shown once, when it is made; `digest` is its SHA-256."""

    __tablename__ = "api_token"

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    #: The token's first signs, by which people tell tokens apart.
    beginning: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    #: `access.Permission` values.
    permissions: Mapped[list[Any]]
    requests_per_minute: Mapped[int] = mapped_column(default=600)
    #: The minute that is counted, and the requests in it, over all processes.
    counted_minute: Mapped[int] = mapped_column(BigId, default=0)
    counted: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiRequest(Base):
    """A request that changed something, by the key its sender gave it: repeated, it is answered from here."""

    __tablename__ = "api_request"
    __table_args__ = (UniqueConstraint("api_token_id", "key"), Index("ix_api_request_age", "created_at"))

    id: Mapped[IdColumn]
    api_token_id: Mapped[int] = mapped_column(BigId, ForeignKey("api_token.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    #: SHA-256 of method, path and body.
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
