from __future__ import annotations

from app.web.panel.strategies.views import blueprint

__all__ = ["blueprint"]
