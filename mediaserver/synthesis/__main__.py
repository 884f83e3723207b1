"""A neural voice: passages in by standard input, 8 kHz mu-law out. `python -m mediaserver.synthesis MODEL.onnx`.

A request is `length (4 bytes) | JSON [[text, rate, volume, pause_ms], ...]`, an answer `length | mu-law`; the first
answer, empty, says that the voice is loaded.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np
import orjson
import piper

from mediaserver.dialog import audio


def main(arguments: list[str]) -> int:
    # A Ctrl-C at the terminal is for the switch alone; this process ends when its dialog worker does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    voice = piper.PiperVoice.load(arguments[0])
    _write(b"")
    while len(head := sys.stdin.buffer.read(4)) == 4:
        asked = orjson.loads(sys.stdin.buffer.read(int.from_bytes(head)))
        _write(b"".join(_speak(voice, *passage) for passage in asked))
    return 0


def _speak(voice: Any, text: str, rate: float, volume: float, pause_ms: int) -> bytes:
    silence = b"\xff" * (pause_ms * audio.RATE // 1000)
    if not text:
        return silence
    manner = piper.SynthesisConfig(length_scale=1 / rate, volume=volume)
    chunks = list(voice.synthesize(text, manner))
    if not chunks:
        return silence
    samples = np.concatenate([np.asarray(chunk.audio_float_array, dtype=np.float32) for chunk in chunks])
    return audio.from_samples(np.clip(samples, -1, 1), chunks[0].sample_rate) + silence


def _write(part: bytes) -> None:
    sys.stdout.buffer.write(len(part).to_bytes(4) + part)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
