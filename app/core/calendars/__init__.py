"""Calling windows, zones and holidays."""

from __future__ import annotations

from app.core.calendars.hours import WEEKDAYS, Hours, parse_hours
from app.core.calendars.window import WindowState, is_known_zone, window_state

__all__ = ["WEEKDAYS", "Hours", "WindowState", "is_known_zone", "parse_hours", "window_state"]
