"""Attempts, where they leave from, and what keeps several engines apart."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef, unique_among_common


class AttemptState(StrEnum):
    #: Committed; the channel may have been asked.
    IN_PROGRESS = "in_progress"
    #: It has its completion code.
    DONE = "done"


class Attempt(Base):
    """One try to reach a contact by one address. `id` is the idempotency key given to the channel."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("job_contact_id", "number"),
        Index("ix_attempt_job", "job_id", "started_at"),
        Index("ix_attempt_contact", "contact_id", "started_at"),
        # For the key alone: without it each address that is deleted has every attempt read.
        Index(
            "ix_attempt_address",
            "address_id",
            sqlite_where=text("address_id IS NOT NULL"),
            postgresql_where=text("address_id IS NOT NULL"),
        ),
        Index(
            "ix_attempt_in_progress",
            "owner",
            sqlite_where=text("state = 'in_progress'"),
            postgresql_where=text("state = 'in_progress'"),
        ),
        # An address has one attempt in progress at most, whatever campaigns want: the row itself is the claim on it.
        Index(
            "uq_attempt_address_in_progress",
            "organization_id",
            "address",
            unique=True,
            sqlite_where=text("state = 'in_progress'"),
            postgresql_where=text("state = 'in_progress'"),
        ),
        Index(
            "ix_attempt_unknown",
            "organization_id",
            "address",
            "ended_at",
            sqlite_where=text("completion_code = 'OUTCOME_UNKNOWN'"),
            postgresql_where=text("completion_code = 'OUTCOME_UNKNOWN'"),
        ),
        Index(
            "ix_attempt_provider",
            "provider_id",
            sqlite_where=text("provider_id <> ''"),
            postgresql_where=text("provider_id <> ''"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    organization_id: Mapped[OrganizationRef]
    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("job.id", ondelete="CASCADE"))
    job_contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("job_contact.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact.id"))
    address_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("address.id", ondelete="SET NULL"))
    #: 1, 2, 3 ... within the job contact.
    number: Mapped[int]
    channel: Mapped[str] = mapped_column(String(16))  # voice | sms | email
    #: The strategy's handler and action that asked for it.
    action: Mapped[str] = mapped_column(String(120), default="")
    address: Mapped[str] = mapped_column(String(254))
    #: What left for it where a dialing rule made something else of the number; "" where the address itself did.
    dialled: Mapped[str] = mapped_column(String(32), default="", server_default="")
    sender: Mapped[str] = mapped_column(String(254), default="")
    state: Mapped[str] = mapped_column(String(12), default=AttemptState.IN_PROGRESS)
    completion_code: Mapped[str] = mapped_column(String(64), default="ATTEMPT_IN_PROGRESS")
    disposition: Mapped[str] = mapped_column(String(32), default="")
    sip_status: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(255), default="")
    nuisance: Mapped[bool] = mapped_column(default=False)
    provider_id: Mapped[str] = mapped_column(String(64), default="")
    #: The engine that started it, and the media server with its boot id.
    owner: Mapped[str] = mapped_column(String(64), default="")
    media_server: Mapped[str] = mapped_column(String(255), default="")
    boot_id: Mapped[str] = mapped_column(String(64), default="")
    #: SHA-256 of the text of an SMS or email, to ask the provider by after a lost reply.
    digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    started_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: {"exit": {...}, "dtmf": "...", "rtp": {...}} as the media server reported it, private values masked.
    result: Mapped[dict[str, Any] | None]


class AttemptTrace(Base):
    """The SIP ladder and VoiceXML steps of an attempt: [{at, kind, text}], masked. Apart, to keep attempts narrow."""

    __tablename__ = "attempt_trace"

    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id", ondelete="CASCADE"), primary_key=True)
    steps: Mapped[list[Any]]


class AttemptResult(Base):
    """Values that an application posted to its session's result URL during the call, in order."""

    __tablename__ = "attempt_result"
    __table_args__ = (Index("ix_attempt_result_attempt", "attempt_id", "id"),)

    id: Mapped[IdColumn]
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempt.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    values: Mapped[dict[str, Any]]


class AttemptMarks(Base):
    """Marks (`app.core.marks`) of the addresses, traces and posted values of attempts whose ids follow one another, so
    that not all are read when somebody is looked for. Triggers take the row away when one of them is written later."""

    __tablename__ = "attempt_marks"
    # Whoever makes the marks of a row must not write them into another.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[IdColumn]
    #: The attempts after the one, up to the other.
    after_id: Mapped[str] = mapped_column(String(32))
    through_id: Mapped[str] = mapped_column(String(32), unique=True)
    #: None until they are made.
    marks: Mapped[bytes | None] = mapped_column(LargeBinary)


class MediaServer(Base):
    __tablename__ = "media_server"

    id: Mapped[IdColumn]
    name: Mapped[Name] = mapped_column(unique=True)
    #: Base URL of its control API.
    url: Mapped[str] = mapped_column(String(255))
    enabled: Mapped[bool] = mapped_column(default=True)
    boot_id: Mapped[str] = mapped_column(String(64), default="")
    capacity: Mapped[int] = mapped_column(default=0)
    active_calls: Mapped[int] = mapped_column(default=0)
    #: What `GET /v1/status` said of its load, version and workers.
    load: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    last_seen_at: Mapped[datetime | None]


class Trunk(Base):
    """Where calls leave. One without organization serves all. `simulated` trunks lead to the simulated carrier only:
    they must be loopback, and they alone accept a calling window that is always open."""

    __tablename__ = "trunk"
    __table_args__ = (UniqueConstraint("organization_id", "name"), unique_among_common("trunk"))

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    name: Mapped[Name]
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int] = mapped_column(default=5060)
    transport: Mapped[str] = mapped_column(String(8), default="udp")
    line: Mapped[str] = mapped_column(String(16), default="native")
    username: Mapped[str] = mapped_column(String(120), default="")
    #: Encrypted with the secret key; "" for none.
    password_encrypted: Mapped[str] = mapped_column(String(512), default="")
    max_channels: Mapped[int] = mapped_column(default=100)
    calls_per_second: Mapped[int] = mapped_column(default=10)
    simulated: Mapped[bool] = mapped_column(default=False)
    #: Signalling beyond the address, by the names of `common.control.Trunk.signalling`.
    signalling: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: Set after a TRUNK_FAULT: no calls leave until then.
    paused_until: Mapped[datetime | None]
    paused_reason: Mapped[str] = mapped_column(String(255), default="")
    #: The name of its group: calls of a campaign leave by all trunks of its trunk's group and owner. "" for none.
    route: Mapped[str] = mapped_column(String(64), default="", server_default="")
    #: In its group, the lowest goes first; among equals the weight is the share of calls.
    priority: Mapped[int] = mapped_column(default=0, server_default="0")
    weight: Mapped[int] = mapped_column(default=1, server_default="1")
    #: ISO 3166: where it leads into the telephone network, for what is dialled by it; "" where nobody said.
    country: Mapped[str] = mapped_column(String(2), default="", server_default="")


class TrunkShare(Base):
    """What one engine may use of a trunk's limits by one media server, until then; written by engine.share_table alone.

    All rows of a trunk together are never more than its limits.
    """

    __tablename__ = "trunk_share"

    trunk_id: Mapped[int] = mapped_column(BigId, ForeignKey("trunk.id", ondelete="CASCADE"), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    server: Mapped[str] = mapped_column(String(255), primary_key=True)
    channels: Mapped[int]
    calls_per_second: Mapped[int]
    until: Mapped[datetime]


class Lease(Base):
    """A named right held by one owner until it expires: the director's chair, an engine's life, a cap's slice.

    `fence` rises with every new owner; writers carry it, so that an owner that woke up late is refused.
    """

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    fence: Mapped[int] = mapped_column(BigId, default=0)
    expires_at: Mapped[datetime]


class OutboxEvent(Base):
    """A committed hint for other processes: written in the transaction it tells of, read by polling, purged."""

    __tablename__ = "outbox"
    # Readers ask for ids above the last they saw, so SQLite must not give a purged id again.
    __table_args__ = (Index("ix_outbox_topic", "topic", "id"), {"sqlite_autoincrement": True})

    id: Mapped[IdColumn]
    topic: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
