"""G.711 to and from 16-bit linear samples by numpy tables; the tables come from `switch.rtp.transcode`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mediaserver.switch.rtp import transcode

Samples = NDArray[np.int16]

_FROM_ULAW = np.array([transcode.ulaw_to_linear(byte) * 4 for byte in range(256)], dtype=np.int16)
_FROM_ALAW = np.array([transcode.alaw_to_linear(byte) * 8 for byte in range(256)], dtype=np.int16)


def _ulaw_table() -> NDArray[np.uint8]:
    """Of every 16-bit sample, indexed by its unsigned reading."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    sign = np.where(sample < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(sample), 8158) + 33
    segment = np.maximum(np.floor(np.log2(magnitude)).astype(np.int32) - 5, 0)
    return np.asarray(~(sign | segment << 4 | (magnitude >> segment + 1) & 0x0F) & 0xFF, dtype=np.uint8)


_TO_ULAW = _ulaw_table()


def encode_ulaw(samples: Samples) -> bytes:
    return _TO_ULAW[samples.view(np.uint16)].tobytes()


def decode_ulaw(data: bytes) -> Samples:
    return _FROM_ULAW[np.frombuffer(data, dtype=np.uint8)]


def decode_alaw(data: bytes) -> Samples:
    return _FROM_ALAW[np.frombuffer(data, dtype=np.uint8)]
