from __future__ import annotations

from app.web.panel.windows.views import blueprint

__all__ = ["blueprint"]
