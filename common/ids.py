"""Identifiers: 26 characters, sortable by creation time (ULID layout), safe in URLs and SIP headers."""

from __future__ import annotations

import secrets
import time
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """A new identifier: 48 bits of milliseconds, then 80 random bits, in lower-case Crockford base 32."""
    return _spelled((int(time.time() * 1000) << 80) | secrets.randbits(80))


def first_id_at(moment: datetime) -> str:
    """Identifiers made before the moment come before this one, those made later after it."""
    return _spelled(int(moment.timestamp() * 1000) << 80)


def _spelled(value: int) -> str:
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
