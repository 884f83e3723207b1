from __future__ import annotations

from app.web.panel.filters.views import blueprint

__all__ = ["blueprint"]
