from __future__ import annotations

from app.web.panel.campaigns.views import blueprint

__all__ = ["blueprint"]
