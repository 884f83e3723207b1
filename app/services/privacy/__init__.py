"""What people may ask about their data: being told it, being erased. One module a step."""

from __future__ import annotations

from app.services.privacy.disclosure import fetch_export, list_exports, request_export
from app.services.privacy.erasure import get_erasure, list_erasures, preview, request_erasure
from app.services.privacy.finding import Person, find_person

__all__ = [
    "Person",
    "fetch_export",
    "find_person",
    "get_erasure",
    "list_erasures",
    "list_exports",
    "preview",
    "request_erasure",
    "request_export",
]
