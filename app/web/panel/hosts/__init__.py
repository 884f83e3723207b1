from __future__ import annotations

from app.web.panel.hosts.views import blueprint

__all__ = ["blueprint"]
