from __future__ import annotations

from app.web.panel.dashboard.views import blueprint

__all__ = ["blueprint"]
