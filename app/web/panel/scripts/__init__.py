from __future__ import annotations

from app.web.panel.scripts import trials  # noqa: F401 - adds its views
from app.web.panel.scripts.views import blueprint

__all__ = ["blueprint"]
