from __future__ import annotations

from app.web.panel.scripts import editing, trials  # noqa: F401 - they add their views
from app.web.panel.scripts.views import blueprint

__all__ = ["blueprint"]
