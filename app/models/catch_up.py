"""What a revision left to be done over all rows, in the background."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId


class CatchUpName(StrEnum):
    #: Kinds of numbers that came before `Address.number_type` was kept.
    NUMBER_TYPES = "number_types"


class CatchUp(Base):
    """One that is not done yet; its row goes with the last piece."""

    __tablename__ = "catch_up"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: The id up to which rows are done.
    after: Mapped[int] = mapped_column(BigId, default=0)
    #: One process at a time is at it.
    claimed_until: Mapped[datetime | None]
