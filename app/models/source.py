"""Data sources of contact lists: where files come from by themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef


class DataSource(Base):
    """A watched folder, a file server or a query, fetched by schedule into one list.

    Whoever fetches holds the lease; it writes only while the row still names it.
    """

    __tablename__ = "data_source"
    __table_args__ = (UniqueConstraint("contact_list_id", "name"), Index("ix_data_source_due", "next_run_at"))

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id", ondelete="CASCADE"))
    name: Mapped[Name]
    #: folder, ftp, ftps, sftp or sql; what its kind needs is in `place`.
    kind: Mapped[str] = mapped_column(String(8))
    place: Mapped[dict[str, Any]]
    #: Password or private key, by `security.secrets.Vault`.
    secret_encrypted: Mapped[str] = mapped_column(Text, default="")
    #: How files are read (`importing.Choices`), and column to target; {} goes by the columns' names.
    choices: Mapped[dict[str, Any]]
    mapping: Mapped[dict[str, Any]]
    #: What a row of a known contact does (`OnDuplicate`).
    on_duplicate: Mapped[str] = mapped_column(String(8), default="update", server_default="update")
    #: What its files say of contacts who are not in them (`ImportMode`), and how much of the list one may take out.
    mode: Mapped[str] = mapped_column(String(8), default="delta", server_default="delta")
    most_removed: Mapped[int] = mapped_column(default=20, server_default="20")
    campaign_id: Mapped[int | None] = mapped_column(BigId)
    #: `sources.schedule.Schedule`.
    schedule: Mapped[dict[str, Any]]
    paused: Mapped[bool] = mapped_column(default=False)
    #: None: not by itself.
    next_run_at: Mapped[datetime | None]
    run_requested: Mapped[bool] = mapped_column(default=False)
    #: The run that was asked for is to be a dry one; kept until a run that was begun is over.
    dry_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    last_run_at: Mapped[datetime | None]
    #: What came of the last run, in words; `last_failed` says which way it went.
    last_words: Mapped[str] = mapped_column(Text, default="")
    last_failed: Mapped[bool] = mapped_column(default=False)
    lease_owner: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
