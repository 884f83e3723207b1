from __future__ import annotations

from app.web.panel.sources.views import blueprint

__all__ = ["blueprint"]
