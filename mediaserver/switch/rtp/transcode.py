"""G.711 one byte at a time, by tables of 256 made from the standard's segments; no numpy, so the switch stays small.

Used where mu-law meets A-law; `mediaserver.dialog.g711` has the tables to and from linear samples.
"""

from __future__ import annotations

from mediaserver.switch.rtp.packet import PayloadType

#: One mu-law byte and one A-law byte of digital silence.
ULAW_SILENCE = 0xFF
ALAW_SILENCE = 0xD5
_ULAW_BIAS = 33
_ULAW_CLIP = 8158
_ALAW_CLIP = 4095


def ulaw_to_linear(byte: int) -> int:
    """A 14-bit sample, -8031 to 8031 (ITU-T G.711 table 2)."""
    byte = ~byte & 0xFF
    magnitude = ((((byte & 0x0F) << 1) + _ULAW_BIAS) << (byte >> 4 & 7)) - _ULAW_BIAS
    return -magnitude if byte & 0x80 else magnitude


def linear_to_ulaw(sample: int) -> int:
    """From a 14-bit sample."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _ULAW_CLIP) + _ULAW_BIAS
    segment = max(magnitude.bit_length() - 6, 0)
    return ~(sign | segment << 4 | (magnitude >> segment + 1) & 0x0F) & 0xFF


def alaw_to_linear(byte: int) -> int:
    """A 13-bit sample, -4032 to 4032 (ITU-T G.711 table 1)."""
    byte ^= 0x55
    segment = byte >> 4 & 7
    magnitude = ((byte & 0x0F) << 1) + 1
    if segment:
        magnitude = (magnitude + 32) << segment - 1
    return magnitude if byte & 0x80 else -magnitude


def linear_to_alaw(sample: int) -> int:
    """From a 13-bit sample."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    magnitude = min(magnitude, _ALAW_CLIP)
    segment = max(magnitude.bit_length() - 5, 0)
    quantum = magnitude >> 1 if segment == 0 else magnitude >> segment
    return (sign | segment << 4 | quantum & 0x0F) ^ 0x55


#: bytes.translate tables.
ULAW_TO_ALAW = bytes(linear_to_alaw(ulaw_to_linear(byte) >> 1) for byte in range(256))
ALAW_TO_ULAW = bytes(linear_to_ulaw(alaw_to_linear(byte) * 2) for byte in range(256))


def silence_byte(codec: PayloadType) -> int:
    return ALAW_SILENCE if codec is PayloadType.PCMA else ULAW_SILENCE


def to_ulaw(payload: bytes, payload_type: int) -> bytes:
    return payload.translate(ALAW_TO_ULAW) if payload_type == PayloadType.PCMA else payload


def from_ulaw(audio: bytes, codec: PayloadType) -> bytes:
    return audio.translate(ULAW_TO_ALAW) if codec is PayloadType.PCMA else audio
