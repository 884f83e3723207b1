from __future__ import annotations

from app.web.panel.jobs.views import blueprint

__all__ = ["blueprint"]
