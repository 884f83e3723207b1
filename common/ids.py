"""Identifiers: 26 characters, sortable by creation time (ULID layout), safe in URLs and SIP headers."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """A new identifier: 48 bits of milliseconds, then 80 random bits, in lower-case Crockford base 32."""
    value = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
