"""Hints between processes: they only make things quicker, so a lost one does no harm. What counts is in the tables."""

from __future__ import annotations

from engine.bus.base import Bus, Hint
from engine.bus.memory import MemoryBus
from engine.bus.sql import SqlBus

__all__ = ["Bus", "Hint", "MemoryBus", "SqlBus"]
