"""Where numbers lie and when people there are left in peace: what an organization adds to the shipped tables."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class LineKind(StrEnum):
    #: The range says nothing of it.
    UNKNOWN = ""
    WIRED = "wired"
    WIRELESS = "wireless"


class OnHoliday(StrEnum):
    #: Like any other day.
    IGNORE = ""
    #: The contact waits for the next day.
    SKIP = "skip"
    #: The contact is given up in this job.
    DROP = "drop"


class ZoneRuleRow(Base):
    """One line of the area-code map; see `app.core.calendars.ZoneRule`."""

    __tablename__ = "zone_rule"
    __table_args__ = (UniqueConstraint("organization_id", "prefix", "first"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    #: "+1212", or for a postcode "US:902".
    prefix: Mapped[str] = mapped_column(String(24))
    #: The digits after the prefix that begin and end a range, both included; "" is every number.
    first: Mapped[str] = mapped_column(String(12), default="")
    last: Mapped[str] = mapped_column(String(12), default="")
    state: Mapped[str] = mapped_column(String(16), default="")
    line: Mapped[str] = mapped_column(String(8), default=LineKind.UNKNOWN)
    #: IANA names, comma-separated.
    zones: Mapped[str] = mapped_column(String(1000))
    note: Mapped[str] = mapped_column(String(255), default="")
    updated_at: Mapped[datetime]


class GuardTime(Base):
    """Hours that hold beside every calling window for people of one zone, state or country."""

    __tablename__ = "guard_time"
    __table_args__ = (UniqueConstraint("organization_id", "scope", "key"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    scope: Mapped[str] = mapped_column(String(8))
    #: "America/New_York", "US-FL" or "FR".
    key: Mapped[str] = mapped_column(String(64))
    hours: Mapped[dict[str, Any]]
    source: Mapped[str] = mapped_column(String(255), default="")
    updated_at: Mapped[datetime]


class HolidayRow(Base):
    """A day of an organization's own: for everybody, a country, a state or one campaign."""

    __tablename__ = "holiday"
    __table_args__ = (Index("ix_holiday_organization_id_day", "organization_id", "day"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    campaign_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("campaign.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date)
    name: Mapped[str] = mapped_column(String(120))
    country: Mapped[str] = mapped_column(String(2), default="")
    state: Mapped[str] = mapped_column(String(16), default="")
    effect: Mapped[str] = mapped_column(String(8), default=OnHoliday.SKIP)
    updated_at: Mapped[datetime]
