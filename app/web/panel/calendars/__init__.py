from __future__ import annotations

from app.web.panel.calendars.views import blueprint

__all__ = ["blueprint"]
