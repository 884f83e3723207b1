from __future__ import annotations

from app.web.panel.codes.views import blueprint

__all__ = ["blueprint"]
