from __future__ import annotations

from app.web.panel.api_tokens.views import blueprint

__all__ = ["blueprint"]
