"""Changes of many contacts of a list at once, which run in the background and may be undone for a while."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class ListChangeKind(StrEnum):
    #: Contacts whom a filter means are marked as deleted, and removed once nobody can undo it any more.
    DELETE = "delete"
    #: What a deletion has marked is there again.
    PUT_BACK = "put_back"
    #: Contacts go, or are copied, into new lists.
    SPLIT = "split"
    #: What a split has moved comes back, or its copies are removed; lists that are empty then are deleted.
    MERGE = "merge"


class ListChangeState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    #: Stopped by a user; what was changed until then stays so.
    CANCELLED = "cancelled"
    #: `detail` says why.
    FAILED = "failed"


class ListChange(Base):
    """One change. All contacts that a deletion marks have its `created_at` as their `deleted_at`: by it they are found
    again, to be put back or to be removed. Of a split they are those of its lists whose ids are `last_id` at most, or
    all of a list of copies."""

    __tablename__ = "list_change"
    __table_args__ = (
        UniqueConstraint("contact_list_id", "created_at"),
        Index("ix_list_change_list", "contact_list_id", "id"),
        Index(
            "ix_list_change_open",
            "id",
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=ListChangeState.QUEUED)
    #: {"filter": as `app.core.audience.filter_to_json`, "types": of the organization's attributes}, as at the start.
    #: Of a split {"parts": [{"name", "list_id", "filter", "share"}], "types", "copies", "word", "cuts"}.
    asked: Mapped[dict[str, Any]]
    #: Whom it is about, in words.
    words: Mapped[str] = mapped_column(Text, default="")
    #: How many contacts the person saw before saying yes, and the newest contact of the list then.
    expected: Mapped[int] = mapped_column(default=0)
    last_id: Mapped[int] = mapped_column(BigId, default=0)
    #: The contact up to which the list is gone through.
    through_id: Mapped[int] = mapped_column(BigId, default=0)
    done: Mapped[int] = mapped_column(default=0)
    #: Contacts meant that stayed as they were; `detail` says why.
    kept: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    detail: Mapped[str] = mapped_column(String(500), default="")
    #: The change that this one takes back.
    undoes_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("list_change.id", ondelete="CASCADE"))
    undo_until: Mapped[datetime | None]
    #: When what it marked was removed for good.
    purged_at: Mapped[datetime | None]
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    #: The last sign of life of whoever works on it.
    seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
