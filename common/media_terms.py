"""What a trunk may be told about the media of its calls: the words, and their check."""

from __future__ import annotations

from common.errors import Refused

#: Milliseconds of audio in a packet.
PTIMES = range(10, 61, 10)


def check_ptime(value: object) -> None:
    """Raise Refused naming the field."""
    if value not in PTIMES or isinstance(value, bool):
        raise Refused(f"ptime: {value!r} is none of {', '.join(str(length) for length in PTIMES)} (milliseconds)")
