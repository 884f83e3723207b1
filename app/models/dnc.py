"""Do not call: lists, their groups, and entries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, Name, OrganizationRef, unique_among_common


class DncList(Base):
    """A do-not-call list; one without organization is common to all.

    It holds for every campaign, or (`by_group`) for those alone that have chosen a group with it.
    """

    __tablename__ = "dnc_list"
    __table_args__ = (UniqueConstraint("organization_id", "name"), unique_among_common("dnc_list"))

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    name: Mapped[Name]
    by_group: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The country's list that this is a copy of (`app.core.compliance.NATIONAL`), "" for none.
    national: Mapped[str] = mapped_column(String(8), default="", server_default="")
    created_at: Mapped[datetime]


class DncGroup(Base):
    """Lists that campaigns choose together."""

    __tablename__ = "dnc_group"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    name: Mapped[Name]


class DncGroupList(Base):
    __tablename__ = "dnc_group_list"

    dnc_group_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_group.id", ondelete="CASCADE"), primary_key=True)
    dnc_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_list.id", ondelete="CASCADE"), primary_key=True)


class CampaignDncGroup(Base):
    __tablename__ = "campaign_dnc_group"

    campaign_id: Mapped[int] = mapped_column(BigId, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    dnc_group_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_group.id", ondelete="CASCADE"), primary_key=True)


class DncEntry(Base):
    __tablename__ = "dnc_entry"
    __table_args__ = (
        UniqueConstraint("dnc_list_id", "kind", "value"),
        Index("ix_dnc_entry_lookup", "kind", "value"),
    )

    id: Mapped[IdColumn]
    dnc_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_list.id", ondelete="CASCADE"))
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(254))
    #: The moment it ends, or `until_day`, the last day it holds where the person is; neither is for ever.
    until: Mapped[datetime | None]
    until_day: Mapped[date | None] = mapped_column(Date)
    #: panel, import, sms_stop, email_unsubscribe, call, api.
    source: Mapped[str] = mapped_column(String(32))
    proof: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]
    #: The file that named it last.
    file_id: Mapped[int | None] = mapped_column(BigId)


class DncCoverage(Base):
    """The day that a part of a national list was drawn; `prefix` is the beginning of its numbers ("+1202")."""

    __tablename__ = "dnc_coverage"

    dnc_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_list.id", ondelete="CASCADE"), primary_key=True)
    prefix: Mapped[str] = mapped_column(String(12), primary_key=True)
    as_of: Mapped[date] = mapped_column(Date)


class DncFile(Base):
    """A file that was taken into a list, or out of one."""

    __tablename__ = "dnc_file"
    __table_args__ = (Index("ix_dnc_file_list", "dnc_list_id", "id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("organization.id", ondelete="CASCADE"))
    dnc_list_id: Mapped[int] = mapped_column(BigId, ForeignKey("dnc_list.id", ondelete="CASCADE"))
    file_name: Mapped[str] = mapped_column(String(255))
    format: Mapped[str] = mapped_column(String(8))
    action: Mapped[str] = mapped_column(String(8))
    #: As `ImportState`.
    state: Mapped[str] = mapped_column(String(16))
    #: How it is to be taken, of one that is taken in the background.
    asked: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    cancel_requested: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Lines of the file, with its heading; 0 until they are counted.
    rows_total: Mapped[int] = mapped_column(default=0, server_default="0")
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_changed: Mapped[int] = mapped_column(default=0)
    rows_rejected: Mapped[int] = mapped_column(default=0)
    #: [{line, reason}] of the first hundred.
    first_rejects: Mapped[list[Any]]
    detail: Mapped[str] = mapped_column(String(500), default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
