"""Organizations, the people who use Clarion, and what they did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef, unique_among_common


class Role(StrEnum):
    """POM's six roles (POM User Management), and two more. The Org ones see their own organization only."""

    #: Everything, in every organization.
    ADMINISTRATION = "administration"
    #: Campaigns, lists, scripts, strategies, jobs in every organization.
    CAMPAIGN_MANAGER = "campaign_manager"
    #: Monitoring: dashboards, jobs' pause, resume and stop, reports.
    SUPERVISOR = "supervisor"
    ORG_CAMPAIGN_MANAGER = "org_campaign_manager"
    ORG_SUPERVISOR = "org_supervisor"
    #: Sees masked attributes unmasked, and nothing else.
    ATTRIBUTES_UNMASK = "attributes_unmask"
    #: Sees masked numbers and emails one at a time, each noted, and nothing else.
    NUMBERS_REVEAL = "numbers_reveal"
    #: The same of masked attributes, numbers and emails.
    ATTRIBUTES_REVEAL = "attributes_reveal"


class Organization(Base):
    __tablename__ = "organization"

    id: Mapped[IdColumn]
    name: Mapped[Name] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class User(Base):
    """`organization_id` None is a global user. `roles` holds `Role` values."""

    __tablename__ = "user"

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    login: Mapped[Name] = mapped_column(unique=True)
    name: Mapped[Name]
    password_hash: Mapped[str] = mapped_column(String(255))
    roles: Mapped[list[Any]]
    must_change_password: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    #: Rises when the password changes, which ends every older session.
    session_generation: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what to which thing; never updated, never deleted by the product."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_organization_id_at", "organization_id", "at"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(64))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    remote_address: Mapped[str] = mapped_column(String(64), default="")


class AllowedHost(Base):
    """A server that the organization's scripts may fetch from; `origin` as `common.origins.Origin` writes it."""

    __tablename__ = "allowed_host"
    __table_args__ = (UniqueConstraint("organization_id", "origin"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    origin: Mapped[str] = mapped_column(String(280))
    note: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]


class CompletionCode(Base):
    """System codes (no organization) and an organization's own. Flags: outreach field reference, 1.5 C."""

    __tablename__ = "completion_code"
    __table_args__ = (UniqueConstraint("organization_id", "name"), unique_among_common("completion_code"))

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(255), default="")
    human: Mapped[bool] = mapped_column(default=False)
    rpc: Mapped[bool] = mapped_column(default=False)
    success: Mapped[bool] = mapped_column(default=False)
    closure: Mapped[bool] = mapped_column(default=False)
    nuisance: Mapped[bool] = mapped_column(default=False)
    counts_as_attempt: Mapped[bool] = mapped_column(default=False)
    #: An attempt that ends with it puts the person on the organization's do-not-call list.
    do_not_call: Mapped[bool] = mapped_column(default=False)
    retry: Mapped[bool] = mapped_column(default=False)


class CallingWindow(Base):
    """When a person may be called, in the person's own zone.

    `hours` maps weekday ("mon" ... "sun") to a list of ["HH:MM", "HH:MM"] pairs; a pair whose start is later than
    its end wraps midnight. `always_open` is for tests and the example: every trunk but a simulated one refuses it.
    """

    __tablename__ = "calling_window"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]
    hours: Mapped[dict[str, Any]]
    always_open: Mapped[bool] = mapped_column(default=False)
    #: Where the figures come from (a regulation's section) and from when.
    source: Mapped[str] = mapped_column(String(255), default="")
    #: What the public holidays of the person's country are: "" (like other days), "skip" or "drop".
    public_holidays: Mapped[str] = mapped_column(String(8), default="", server_default="")
