"""Test calls: one call to one number that runs one revision of a script, outside any job."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, OrganizationRef


class TestCallState(StrEnum):
    __test__ = False  # pytest takes classes of such names for its own

    #: Asked for; no engine has taken it yet.
    QUEUED = "queued"
    #: Committed to one media server in one boot; the call may have left.
    IN_PROGRESS = "in_progress"
    #: It has its completion code.
    DONE = "done"


class TestCall(Base):
    """`id` is the idempotency key given to the media server: a test call is placed once or not at all."""

    __test__ = False

    __tablename__ = "test_call"
    __table_args__ = (
        Index("ix_test_call_revision", "script_revision_id", "created_at"),
        Index(
            "ix_test_call_unfinished",
            "created_at",
            sqlite_where=text("state <> 'done'"),
            postgresql_where=text("state <> 'done'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    organization_id: Mapped[OrganizationRef]
    script_revision_id: Mapped[int] = mapped_column(BigId, ForeignKey("script_revision.id", ondelete="CASCADE"))
    trunk_id: Mapped[int] = mapped_column(BigId, ForeignKey("trunk.id", ondelete="CASCADE"))
    calling_window_id: Mapped[int] = mapped_column(BigId, ForeignKey("calling_window.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(String(254))
    #: As `Attempt.dialled`.
    dialled: Mapped[str] = mapped_column(String(32), default="", server_default="")
    sender: Mapped[str] = mapped_column(String(254))
    #: What the script finds as `session.connection.ccxml.values.*`, beside what every call has.
    values: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(12), default=TestCallState.QUEUED)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    completion_code: Mapped[str] = mapped_column(String(64), default="ATTEMPT_IN_PROGRESS")
    disposition: Mapped[str] = mapped_column(String(32), default="")
    sip_status: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(255), default="")
    #: The engine that follows it, and the media server with its boot id.
    owner: Mapped[str] = mapped_column(String(64), default="")
    media_server: Mapped[str] = mapped_column(String(255), default="")
    boot_id: Mapped[str] = mapped_column(String(64), default="")
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: {"exit": {...}, "dtmf": "...", "rtp": {...}} as far as the media server has told, private values masked.
    result: Mapped[dict[str, Any] | None]
    #: The SIP ladder and VoiceXML steps so far: [{at, kind, text}], masked.
    trace: Mapped[list[Any] | None]
    #: What the script posted to its result address, in order: [{at, values}].
    posted: Mapped[list[Any] | None]
