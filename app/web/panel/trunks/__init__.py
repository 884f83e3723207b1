from __future__ import annotations

from app.web.panel.trunks.views import blueprint

__all__ = ["blueprint"]
