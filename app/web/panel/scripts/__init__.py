from __future__ import annotations

from app.web.panel.scripts.views import blueprint

__all__ = ["blueprint"]
