from __future__ import annotations

from app.web.panel.account.views import blueprint

__all__ = ["blueprint"]
