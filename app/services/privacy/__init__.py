"""What people may ask about their data: being told it, being erased; and how long data is kept."""

from __future__ import annotations

from app.services.privacy.disclosure import fetch_export, list_exports, request_export
from app.services.privacy.erasure import get_erasure, list_erasures, preview, request_erasure
from app.services.privacy.finding import Person, find_person
from app.services.privacy.retention import list_rules, set_rule
from app.services.privacy.retention import preview as preview_purge

__all__ = [
    "Person",
    "fetch_export",
    "find_person",
    "get_erasure",
    "list_erasures",
    "list_exports",
    "list_rules",
    "preview",
    "preview_purge",
    "request_erasure",
    "request_export",
    "set_rule",
]
