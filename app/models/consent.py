"""The consent ledger: who allowed what, and took it back. Nothing in it is ever changed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class ConsentAct(StrEnum):
    GIVEN = "given"
    REVOKED = "revoked"


class ConsentEvent(Base):
    """One act of a person. The newest of a person's acts for a channel and a purpose decides.

    `kind` and `value` name the person as do-not-call entries do: an address, a contact ID or a customer ID.
    """

    __tablename__ = "consent_event"
    __table_args__ = (Index("ix_consent_event_person", "organization_id", "kind", "value"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(254))
    channel: Mapped[str] = mapped_column(String(8))
    #: What for, in small letters: "marketing", "reminders".
    purpose: Mapped[str] = mapped_column(String(64))
    act: Mapped[str] = mapped_column(String(8))
    #: When the person said so, which may be long before it was entered; of a `said_on` the day's beginning in UTC, of a
    #: taking back its end or when it was entered, whichever is earlier.
    at: Mapped[datetime]
    #: The day by the person's own calendar, where no hour is known.
    said_on: Mapped[date | None] = mapped_column(Date)
    #: When it ends; of a `last_day` that day's end in UTC.
    expires_at: Mapped[datetime | None]
    #: The last day it holds where the person is.
    last_day: Mapped[date | None] = mapped_column(Date)
    #: By what: web form, paper, call, SMS ...
    source: Mapped[str] = mapped_column(String(64), default="")
    #: The words the person saw or heard.
    text_shown: Mapped[str] = mapped_column(Text, default="")
    evidence_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("consent_evidence.id", ondelete="SET NULL"))
    entered_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    entered_at: Mapped[datetime]
    #: The `ConsentFile` that brought it.
    file_id: Mapped[int | None] = mapped_column(BigId)


class ConsentEvidence(Base):
    """A file that proves it: a scan, a recording. Kept apart, so that reading the ledger never reads files."""

    __tablename__ = "consent_evidence"

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    file_name: Mapped[str] = mapped_column(String(255))
    #: SHA-256 of the body.
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ConsentFile(Base):
    """A file of consents that was taken into the ledger."""

    __tablename__ = "consent_file"
    __table_args__ = (Index("ix_consent_file_organization", "organization_id", "id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    file_name: Mapped[str] = mapped_column(String(255))
    #: As `ImportState`.
    state: Mapped[str] = mapped_column(String(16))
    #: How it is to be taken, of one that is taken in the background.
    asked: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    cancel_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Lines of the file, with its heading; 0 until they are counted.
    rows_total: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Only counts.
    dry: Mapped[bool] = mapped_column(default=False, server_default=false())
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_given: Mapped[int] = mapped_column(default=0)
    rows_revoked: Mapped[int] = mapped_column(default=0)
    #: In the ledger already, word for word; evidence is not compared.
    rows_known: Mapped[int] = mapped_column(default=0)
    rows_rejected: Mapped[int] = mapped_column(default=0)
    #: [{line, reason}] of the first thousand.
    first_rejects: Mapped[list[Any]]
    detail: Mapped[str] = mapped_column(String(500), default="")
    entered_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
