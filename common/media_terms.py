"""What a trunk may be told about the media of its calls: the words, and their check."""

from __future__ import annotations

from common.errors import Refused

#: Milliseconds of audio in a packet.
PTIMES = range(10, 61, 10)
#: How keys are sent: as telephone events where the far end takes them and else in the audio; in the audio; by SIP INFO.
#: All ways are heard, in the audio only where the far end takes no telephone events, or with `inband`.
KEYS = ("auto", "inband", "info")
#: SRTP with keys in the SDP: not at all; where the far end takes it; always.
SRTP = ("off", "offer", "require")


def check_ptime(value: object) -> None:
    """Raise Refused naming the field."""
    if value not in PTIMES or isinstance(value, bool):
        raise Refused(f"ptime: {value!r} is none of {', '.join(str(length) for length in PTIMES)} (milliseconds)")


def check_keys(value: object) -> None:
    if value not in KEYS:
        raise Refused(f"keys: {value!r} is none of {', '.join(KEYS)}")


def check_srtp(value: object) -> None:
    if value not in SRTP:
        raise Refused(f"srtp: {value!r} is none of {', '.join(SRTP)}")
