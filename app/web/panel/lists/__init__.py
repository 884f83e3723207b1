from __future__ import annotations

from app.web.panel.lists import imports
from app.web.panel.lists.views import blueprint

__all__ = ["blueprint", "imports"]
