"""JSON kept for later, in little memory.

The last calls' traces took 36 MB of a busy switch, in pieces that the allocator had nowhere to put: it grew by a few
more for as long as their lengths went on changing. Packed they take 5; 9 KB cost 40 us once, and 10 us to read.
"""

from __future__ import annotations

import zlib

#: Bytes below which packing gains nothing.
_SHORT = 512


def pack(encoded: bytes) -> bytes:
    """A short one is copied: what orjson gives sits in a buffer of 4 KB and more, for as long as it is kept."""
    return zlib.compress(encoded, 1) if len(encoded) > _SHORT else bytes(memoryview(encoded))


def unpack(packed: bytes) -> bytes:
    return packed if packed.startswith(b"{") else zlib.decompress(packed)
