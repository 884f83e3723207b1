"""What people may ask about their own data, to be told it and to be erased; and how long data is kept."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class ErasureState(StrEnum):
    """In this order; each step is done again from its beginning after a crash."""

    #: No attempt starts any more; one that is under way is being ended.
    STOPPING = "stopping"
    #: Rows are emptied and deleted.
    DATABASE = "database"
    #: Uploaded files, recordings, rendered words and media servers' journals.
    FILES = "files"
    COMPLETED = "completed"


class Erasure(Base):
    """A person's request to be erased. Once completed nothing in it names the person."""

    __tablename__ = "erasure"
    __table_args__ = (
        Index("ix_erasure_organization", "organization_id", "id"),
        Index(
            "ix_erasure_open",
            "id",
            sqlite_where=text("state <> 'completed'"),
            postgresql_where=text("state <> 'completed'"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    requested_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    requested_at: Mapped[datetime]
    #: The site's own reference, such as a case number.
    reference: Mapped[str] = mapped_column(String(64), default="")
    #: contact, customer_id, phone or email.
    found_by: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=ErasureState.STOPPING)
    #: How many of each kind were removed so far: {"contacts": 1, "recordings": 2 ...}.
    removed: Mapped[dict[str, Any]]
    #: Whom and what to look for, encrypted; "" once completed.
    subject: Mapped[str] = mapped_column(Text, default="")
    #: What it waits for, in words without personal data.
    detail: Mapped[str] = mapped_column(String(500), default="")
    #: Who works on it, until when.
    lease_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ExportState(StrEnum):
    QUEUED = "queued"
    #: The file waits to be fetched.
    READY = "ready"
    #: The file is gone.
    EXPIRED = "expired"


class SubjectExport(Base):
    """Everything held of a person, put together for them. The file is `exports/<file_name>` in the state directory."""

    __tablename__ = "subject_export"
    __table_args__ = (Index("ix_subject_export_organization", "organization_id", "id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    requested_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    requested_at: Mapped[datetime]
    reference: Mapped[str] = mapped_column(String(64), default="")
    found_by: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=ExportState.QUEUED)
    #: How many of each kind are in it.
    contents: Mapped[dict[str, Any]]
    #: Whom to look for, encrypted; "" once it is made.
    subject: Mapped[str] = mapped_column(Text, default="")
    file_name: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[str] = mapped_column(String(500), default="")
    lease_until: Mapped[datetime | None]
    made_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class RetentionRule(Base):
    """For how many days a kind of data (`app.core.retention.Kept`) is kept; what has no rule is kept for ever."""

    __tablename__ = "retention_rule"
    __table_args__ = (UniqueConstraint("organization_id", "kind"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    kind: Mapped[str] = mapped_column(String(16))
    days: Mapped[int]
    #: Who purges, until when; when it was done last, and how many went then.
    lease_until: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    last_removed: Mapped[int] = mapped_column(default=0)
    #: Recordings of calls that ended before it were looked through.
    done_through: Mapped[datetime | None]


class KeptDeletion(Base):
    """A row that somebody deleted, for as long as they may undo it."""

    __tablename__ = "kept_deletion"

    id: Mapped[IdColumn]
    #: What the button has.
    word: Mapped[str] = mapped_column(String(64), unique=True)
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="CASCADE"))
    #: Encrypted: it may hold secrets and personal data.
    body: Mapped[str] = mapped_column(Text)
    until: Mapped[datetime]
