from __future__ import annotations

from app.web.panel.users.views import blueprint

__all__ = ["blueprint"]
