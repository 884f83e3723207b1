"""Pacing tried out in a virtual call centre: what was asked, how far it is, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, IdColumn, OrganizationRef


class TrialState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class PacingTrial(Base):
    __tablename__ = "pacing_trial"
    __table_args__ = (Index("ix_pacing_trial_organization_id_id", "organization_id", "id"),)

    id: Mapped[IdColumn]
    organization_id: Mapped[OrganizationRef]
    #: Whose traffic it was made of: a campaign's name, all campaigns, or typical figures.
    title: Mapped[str] = mapped_column(String(255))
    #: What `pacing.simulation.trial` is given.
    asked: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default=TrialState.QUEUED)
    #: Share of the shifts that are over.
    progress: Mapped[float] = mapped_column(default=0.0)
    #: {"modes": {mode: figures}, "bound": ..., "bound_talk": ...}, as far as it is.
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    detail: Mapped[str] = mapped_column(String(255), default="")
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[int | None] = mapped_column(BigId, ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    #: When whoever runs it was last heard of; a run that is silent for a minute begins anew elsewhere.
    seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
