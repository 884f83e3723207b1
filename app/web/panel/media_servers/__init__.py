from __future__ import annotations

from app.web.panel.media_servers.views import blueprint

__all__ = ["blueprint"]
