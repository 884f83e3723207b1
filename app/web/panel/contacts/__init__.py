from __future__ import annotations

from app.web.panel.contacts import consents, editing  # noqa: F401 - its views are of the same area
from app.web.panel.contacts.views import blueprint

__all__ = ["blueprint"]
