from __future__ import annotations

from app.web.panel.contacts.views import blueprint

__all__ = ["blueprint"]
