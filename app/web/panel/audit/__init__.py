from __future__ import annotations

from app.web.panel.audit.views import blueprint

__all__ = ["blueprint"]
