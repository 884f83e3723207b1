"""A masked number, email, attribute or rejected row, shown for half a minute to who may reveal one at a time."""

from __future__ import annotations

from app.web.panel.reveal.views import blueprint

__all__ = ["blueprint"]
