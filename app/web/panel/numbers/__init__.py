from __future__ import annotations

from app.web.panel.numbers.views import blueprint

__all__ = ["blueprint"]
