"""What an organization lays down about numbers, beside what phonenumbers knows of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class DialingRuleRow(Base):
    """What is dialled instead of E.164; see `app.core.phone.DialingRule`. The first in order that matches decides."""

    __tablename__ = "dialing_rule"
    __table_args__ = (Index("ix_dialing_rule_order", "organization_id", "position", "id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    #: None is every trunk.
    trunk_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("trunk.id", ondelete="CASCADE"))
    country: Mapped[str] = mapped_column(String(2), default="")
    prefix: Mapped[str] = mapped_column(String(16), default="")
    type: Mapped[str] = mapped_column(String(16), default="")
    written: Mapped[str] = mapped_column(String(12))
    strip: Mapped[int] = mapped_column(default=0)
    strip_prefix: Mapped[str] = mapped_column(String(16), default="")
    prepend: Mapped[str] = mapped_column(String(16), default="")
    updated_at: Mapped[datetime]


class RejectPatternRow(Base):
    """Numbers that are never taken and never dialled; see `app.core.phone.RejectPattern`."""

    __tablename__ = "reject_pattern"
    __table_args__ = (UniqueConstraint("organization_id", "pattern", "country"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    pattern: Mapped[str] = mapped_column(String(64))
    country: Mapped[str] = mapped_column(String(2), default="")
    reason: Mapped[str] = mapped_column(String(255), default="")
    updated_at: Mapped[datetime]


class OpenedRangeRow(Base):
    """Numbers of a kind that is never dialled, dialled all the same until then; by whom is in the audit trail."""

    __tablename__ = "opened_range"
    __table_args__ = (UniqueConstraint("organization_id", "prefix"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    #: The beginning of E.164: "+1900".
    prefix: Mapped[str] = mapped_column(String(16))
    until: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(255))
    updated_at: Mapped[datetime]


class NumberFormatRow(Base):
    """How numbers of a country are written; see `app.core.phone.CountryFormat`."""

    __tablename__ = "number_format"
    __table_args__ = (UniqueConstraint("organization_id", "country"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    country: Mapped[str] = mapped_column(String(2))
    #: Digits that numbers may have, with commas between; "" for any.
    lengths: Mapped[str] = mapped_column(String(64), default="")
    pad: Mapped[int] = mapped_column(default=0)
    trunk_prefix: Mapped[str] = mapped_column(String(8), default="")
    #: [[pattern, digits before it], ...]
    local: Mapped[list[Any]]
    updated_at: Mapped[datetime]


class NumberDefaultsRow(Base):
    """What holds for numbers of every country."""

    __tablename__ = "number_defaults"
    __table_args__ = (UniqueConstraint("organization_id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    #: ISO 3166, of new lists; "" leaves it to whoever makes one.
    home_country: Mapped[str] = mapped_column(String(2), default="")
    #: The sign between country code and number, "" for none.
    separator: Mapped[str] = mapped_column(String(1), default="")
    updated_at: Mapped[datetime]
