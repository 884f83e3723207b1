from __future__ import annotations

from app.web.panel.attributes.views import blueprint

__all__ = ["blueprint"]
