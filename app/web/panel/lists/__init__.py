from __future__ import annotations

from app.web.panel.lists import changing, excluded, imports, shares, splitting
from app.web.panel.lists.views import blueprint

__all__ = ["blueprint", "changing", "excluded", "imports", "shares", "splitting"]
