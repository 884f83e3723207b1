"""Scripts, strategies, campaigns and jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef

#: When contacts of a sorted job are due before their turn has come; no clock gets there.
NOT_YET = datetime(9999, 1, 1, tzinfo=UTC)


class RevisionState(StrEnum):
    #: May hold errors; cannot be used by a campaign.
    DRAFT = "draft"
    #: Never changes again.
    PUBLISHED = "published"


class JobState(StrEnum):
    """Design section 11. The panel writes pausing, stopping and running (resume); the engine does the rest."""

    #: Waiting for the director, or its audience is being frozen.
    QUEUED = "queued"
    RUNNING = "running"
    #: No new attempts; calls in progress finish.
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    STOPPED = "stopped"
    COMPLETED = "completed"


class JobContactState(StrEnum):
    #: Waits for `due_at`; may be leased then.
    READY = "ready"
    #: In an engine's hopper until `lease_until`.
    LEASED = "leased"
    #: An attempt is under way (its row is in `attempt`).
    ATTEMPTING = "attempting"
    #: The strategy has nothing left to do; `final_code` says how it ended.
    DONE = "done"


class Script(Base):
    __tablename__ = "script"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    description: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]


class ScriptRevision(Base):
    """`digest` is the SHA-256 of the sorted paths and bodies: what a signed revision URL names."""

    __tablename__ = "script_revision"
    __table_args__ = (UniqueConstraint("script_id", "number"), Index("ix_script_revision_digest", "digest"))

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    script_id: Mapped[int] = mapped_column(BigId, ForeignKey("script.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default=RevisionState.DRAFT)
    digest: Mapped[str] = mapped_column(String(64))
    entry: Mapped[str] = mapped_column(String(255))
    #: What the check said: [{file, line, column, severity, message}].
    problems: Mapped[list[Any]]
    #: The last run of its unit tests: {at, results, coverage} as `app.sandbox.jobs.test` answers them.
    test_run: Mapped[dict[str, Any] | None]
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class ScriptFile(Base):
    __tablename__ = "script_file"
    __table_args__ = (UniqueConstraint("script_revision_id", "path"),)

    id: Mapped[IdColumn]
    script_revision_id: Mapped[int] = mapped_column(BigId, ForeignKey("script_revision.id", ondelete="CASCADE"))
    path: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Strategy(Base):
    __tablename__ = "strategy"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    description: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]


class StrategyRevision(Base):
    __tablename__ = "strategy_revision"
    __table_args__ = (UniqueConstraint("strategy_id", "number"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    strategy_id: Mapped[int] = mapped_column(BigId, ForeignKey("strategy.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default=RevisionState.DRAFT)
    xml: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class Campaign(Base):
    """What a job runs. `pacing` is {"mode": "none"|"timed"|"ports", "rate": N, "per": "second"|"minute"|"hour",
    "ports": N}. `script_id` None speaks `message` by the built-in application."""

    __tablename__ = "campaign"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    kind: Mapped[str] = mapped_column(String(8), default="finite")
    contact_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("contact_list.id"))
    #: Who of the list is meant, and in which order; None is everybody as they came.
    filter_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("filter_template.id"))
    script_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("script.id"))
    strategy_id: Mapped[int] = mapped_column(BigId, ForeignKey("strategy.id"))
    calling_window_id: Mapped[int] = mapped_column(BigId, ForeignKey("calling_window.id"))
    trunk_id: Mapped[int] = mapped_column(BigId, ForeignKey("trunk.id"))
    caller_id: Mapped[str] = mapped_column(String(32))
    display_name: Mapped[str] = mapped_column(String(64), default="")
    #: Who calls beyond the caller ID, as in `common.control.CallerIdentity`.
    identity: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: What is done about who answers, as `common.classification.AnswerRules`; {} listens to nobody.
    answer: Mapped[dict[str, Any]] = mapped_column(default=dict)
    message: Mapped[str] = mapped_column(Text, default="")
    #: The purpose that people must have given consent for, by the channel used; "" asks for none.
    consent_purpose: Mapped[str] = mapped_column(String(64), default="", server_default="")
    pacing: Mapped[dict[str, Any]]
    #: "from" of SMS and email: {"sms": "+1555...", "email": "collections@example.org"}.
    senders: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Job(Base):
    """One run of a campaign. Revisions are pinned when it starts; `settings` is the campaign as it was then."""

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_organization", "organization_id", "id"),
        Index(
            "ix_job_active",
            "state",
            sqlite_where=text("state not in ('stopped', 'completed')"),
            postgresql_where=text("state not in ('stopped', 'completed')"),
        ),
        # A campaign has one job at a time.
        Index(
            "uq_job_going",
            "campaign_id",
            unique=True,
            sqlite_where=text("state not in ('stopped', 'completed')"),
            postgresql_where=text("state not in ('stopped', 'completed')"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    campaign_id: Mapped[int] = mapped_column(BigId, ForeignKey("campaign.id"))
    state: Mapped[str] = mapped_column(String(16), default=JobState.QUEUED)
    script_revision_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("script_revision.id"))
    strategy_revision_id: Mapped[int] = mapped_column(BigId, ForeignKey("strategy_revision.id"))
    settings: Mapped[dict[str, Any]]
    #: Contacts frozen so far; after a crash freezing goes on with those that have no row yet.
    audience: Mapped[int] = mapped_column(default=0)
    frozen: Mapped[bool] = mapped_column(default=False)
    #: Why it waits or ended, in words for people.
    detail: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class JobOrder(Base):
    """A piece of the order in which a sorted job takes its contacts, until they are due: the director lets them be due
    piece by piece. Rows of contacts written in the order of a sort would touch a page of an index each."""

    __tablename__ = "job_order"

    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    #: Contact ids as 64-bit integers in the machine's order (little-endian wherever Clarion runs).
    contact_ids: Mapped[bytes] = mapped_column(LargeBinary)


class JobContact(Base):
    """One contact of a job's frozen audience. `strategy_state` is the strategy runner's own JSON.

    Not lazily joined to anything: engines read and write it in batches. Of its references the database keeps the
    job's alone, on PostgreSQL by triggers that look once a statement: the check of each costs a row more than the row,
    and the contact's writes to the contact too. Contacts that have rows here are marked when they are deleted, never
    removed (app.services.lists).
    """

    __tablename__ = "job_contact"
    __table_args__ = (
        # By contact first: one index tells whether a job has a contact and which jobs do, and an audience frozen in
        # the order of its sort writes to no other one out of order.
        UniqueConstraint("contact_id", "job_id"),
        Index("ix_job_contact_job", "job_id"),
        Index(
            "ix_job_contact_due",
            "job_id",
            "due_at",
            "id",
            sqlite_where=text("state = 'ready'"),
            postgresql_where=text("state = 'ready'"),
        ),
        Index(
            "ix_job_contact_lease",
            "lease_until",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
    )

    id: Mapped[IdColumn]
    organization_id: Mapped[int] = mapped_column(BigId)
    job_id: Mapped[int] = mapped_column(BigId, ForeignKey("job.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(BigId)
    #: Contact id mod 64: which worker serves it.
    lane: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default=JobContactState.READY)
    due_at: Mapped[datetime]
    lease_owner: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[datetime | None]
    strategy_state: Mapped[dict[str, Any]]
    attempt_count: Mapped[int] = mapped_column(default=0)
    last_code: Mapped[str] = mapped_column(String(64), default="")
    final_code: Mapped[str] = mapped_column(String(64), default="")
    #: Why it is not being dialled now (a code such as RESTRICTED_TIME, and words), and until when.
    hold_code: Mapped[str] = mapped_column(String(64), default="")
    hold_detail: Mapped[str] = mapped_column(String(255), default="")
    hold_until: Mapped[datetime | None]
    updated_at: Mapped[datetime]
