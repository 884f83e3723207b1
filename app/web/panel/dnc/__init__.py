from __future__ import annotations

from app.web.panel.dnc.views import blueprint

__all__ = ["blueprint"]
