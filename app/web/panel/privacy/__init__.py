from __future__ import annotations

from app.web.panel.privacy.views import blueprint

__all__ = ["blueprint"]
