"""What SRTP needs once it is agreed (RFC 3711); the fast path does it, by libsrtp."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Bytes of a master key and its salt.
KEY_BYTES = 30


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """AES_CM_128_HMAC_SHA1 with a tag of 10 or 4 bytes; key and salt of what we send, and of what we get."""

    tag_bytes: int
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)
