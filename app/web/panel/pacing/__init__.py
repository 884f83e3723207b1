from __future__ import annotations

from app.web.panel.pacing.views import blueprint

__all__ = ["blueprint"]
