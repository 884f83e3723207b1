"""The consent ledger as a whole: files into it, the ledger as a file, and what was said of a person."""

from __future__ import annotations

from app.web.panel.consents.views import blueprint

__all__ = ["blueprint"]
