"""Audio files in: WAV of any rate, width and channels, .au, and bare G.711, all made 8 kHz mu-law. WAV out."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from common.errors import Refused
from mediaserver.dialog import g711

RATE = 8000
#: Ten minutes of mu-law.
MAX_BYTES = 10 * 60 * RATE
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_RAW_TYPES = {"audio/basic": _ULAW, "audio/x-mulaw": _ULAW, "audio/x-alaw-basic": _ALAW, "audio/x-alaw": _ALAW}
_RAW_ENDINGS = {"ulaw": _ULAW, "ul": _ULAW, "mulaw": _ULAW, "alaw": _ALAW, "al": _ALAW}


class UnreadableAudio(Refused):
    """This is no audio file Clarion reads; use WAV (PCM or G.711), .au or bare 8 kHz G.711."""


def to_ulaw(data: bytes, content_type: str = "", name: str = "") -> bytes:
    """Whatever `data` is, as 8 kHz mono mu-law. Raise UnreadableAudio saying what is wrong with it."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        clip = _from_wav(data)
    elif data[:4] == b".snd":
        clip = _from_au(data)
    else:
        ending = name.rpartition(".")[2].lower()
        kind = _RAW_TYPES.get(content_type.partition(";")[0].strip().lower()) or _RAW_ENDINGS.get(ending)
        if kind is None:
            raise UnreadableAudio
        clip = data if kind == _ULAW else g711.encode_ulaw(g711.decode_alaw(data))
    if len(clip) > MAX_BYTES:
        raise UnreadableAudio(f"{len(clip) // RATE} s of audio is too long; {MAX_BYTES // RATE} s is the most")
    return clip


def from_samples(samples: NDArray[np.float32], rate: int) -> bytes:
    """Mono samples between -1 and 1, at any rate."""
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE, quality="HQ")
    linear = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
    return g711.encode_ulaw(linear)


def to_wav(ulaw: bytes) -> bytes:
    """A WAV file of 16-bit linear samples at 8 kHz, mono, for recordings."""
    samples = g711.decode_ulaw(ulaw).astype("<i2").tobytes()
    form = _FORMAT.pack(_PCM, 1, RATE, RATE * 2, 2, 16)
    size = 4 + 8 + len(form) + 8 + len(samples)
    head = b"RIFF" + size.to_bytes(4, "little") + b"WAVE"
    return head + b"fmt " + len(form).to_bytes(4, "little") + form + b"data" + _length(samples) + samples


def _length(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little")


def _from_wav(data: bytes) -> bytes:
    form = audio = b""
    offset = 12
    while offset + 8 <= len(data) and not audio:
        name, size = data[offset : offset + 4], int.from_bytes(data[offset + 4 : offset + 8], "little")
        # A streamed file gives a size of "until the end"; a slice takes what there is.
        body = data[offset + 8 : offset + 8 + size]
        if name == b"fmt ":
            form = body
        elif name == b"data":
            audio = body
        offset += 8 + size + size % 2
    if len(form) < _FORMAT.size:
        raise UnreadableAudio("the WAV file has no fmt chunk")
    kind, channels, rate, _, _, bits = _FORMAT.unpack_from(form)
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    return _encode(kind, channels, rate, bits, audio, little=True)


def _from_au(data: bytes) -> bytes:
    if len(data) < 24:
        raise UnreadableAudio("the .au file is cut off in its header")
    start, _, encoding, rate, channels = struct.unpack_from(">IIIII", data, 4)
    kinds = {1: (_ULAW, 8), 3: (_PCM, 16), 27: (_ALAW, 8)}
    if encoding not in kinds:
        raise UnreadableAudio(f"the .au file has encoding {encoding}; use mu-law, A-law or 16-bit linear")
    return _encode(*_first(kinds[encoding], channels, rate), data[start:], little=False)


def _first(kind: tuple[int, int], channels: int, rate: int) -> tuple[int, int, int, int]:
    return kind[0], channels, rate, kind[1]


def _encode(kind: int, channels: int, rate: int, bits: int, audio: bytes, *, little: bool) -> bytes:
    if not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
        raise UnreadableAudio(f"{channels} channels at {rate} Hz; use 1 to 8 channels at 4000 to 192000 Hz")
    if kind == _ULAW and channels == 1 and rate == RATE:
        return audio
    samples = _linear(kind, bits, audio, little=little)
    if channels > 1:
        samples = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1, dtype=np.float32)
    if len(samples) > MAX_BYTES // RATE * rate:
        raise UnreadableAudio(f"the audio is longer than {MAX_BYTES // RATE} s")
    return from_samples(samples, rate)


def _linear(kind: int, bits: int, audio: bytes, *, little: bool) -> NDArray[np.float32]:
    """Samples between -1 and 1."""
    width = bits // 8
    order = "<" if little else ">"
    audio = audio[: len(audio) // max(width, 1) * width]
    if kind == _ULAW:
        return _scaled(g711.decode_ulaw(audio), 15)
    if kind == _ALAW:
        return _scaled(g711.decode_alaw(audio), 15)
    if bits % 8 or (kind, width) not in {(_PCM, 1), (_PCM, 2), (_PCM, 3), (_PCM, 4), (_FLOAT, 4), (_FLOAT, 8)}:
        raise UnreadableAudio(f"WAV format {kind} with {bits} bits; use PCM of 8 to 32 bits, float or G.711")
    if kind == _FLOAT:
        return np.asarray(np.nan_to_num(np.frombuffer(audio, f"{order}f{width}")), dtype=np.float32)
    if width == 1:
        # 8-bit WAV is unsigned.
        return _scaled(np.frombuffer(audio, np.uint8).astype(np.int16) - 128, 7)
    if width == 3:
        triples = np.frombuffer(audio, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(triples), 4), np.uint8)
        wide[:, 1:] = triples
        return _scaled(wide.view("<i4").reshape(-1), 31)
    return _scaled(np.frombuffer(audio, f"{order}i{width}"), bits - 1)


def _scaled(samples: NDArray[Any], bits: int) -> NDArray[np.float32]:
    return np.asarray(samples, dtype=np.float32) / np.float32(2**bits)
