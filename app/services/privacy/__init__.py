"""What people may ask about their data: being erased. One module a step."""

from __future__ import annotations

from app.services.privacy.erasure import get_erasure, list_erasures, preview, request_erasure
from app.services.privacy.finding import Person, find_person

__all__ = ["Person", "find_person", "get_erasure", "list_erasures", "preview", "request_erasure"]
