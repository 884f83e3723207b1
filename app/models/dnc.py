"""Do not call: lists, their groups, and entries."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

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


class DncKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    #: `Contact.external_id`: blocks every address of that person.
    CONTACT_ID = "contact_id"
    #: `Contact.customer_id`: blocks every address of that person in every list.
    CUSTOMER_ID = "customer_id"


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
