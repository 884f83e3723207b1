"""WAV files of 16-bit samples at 8 kHz that grow, and the mending of those that a crash left open."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO

RATE = 8000
#: RIFF, fmt and data chunk up to the first sample.
HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
#: What a file is called while it grows.
UNFINISHED = ".part"


def header(channels: int, size: int) -> bytes:
    """`size` is bytes of samples."""
    frame = 2 * channels
    return HEADER.pack(
        b"RIFF", HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, 1, channels, RATE, RATE * frame, frame, 16, b"data", size
    )


class GrowingWav:
    """Raise OSError from every method; what was written before is kept by `close`."""

    def __init__(self, path: Path, channels: int) -> None:
        self._path = path
        self._channels = channels
        self._size = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = _open(path.with_name(path.name + UNFINISHED))
        try:
            self._write(header(channels, 0))
        except OSError:
            self._file.close()
            raise

    @property
    def milliseconds(self) -> int:
        return self._size * 1000 // (2 * self._channels * RATE)

    def append(self, samples: bytes) -> None:
        """Whole frames; all of them are in the file, or none counts."""
        self._write(samples)
        self._size += len(samples)

    def close(self) -> None:
        """With its true length, under its own name."""
        try:
            self._file.truncate(HEADER.size + self._size)
            self._file.seek(0)
            self._file.write(header(self._channels, self._size))
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
        self._path.with_name(self._path.name + UNFINISHED).rename(self._path)

    def _write(self, data: bytes) -> None:
        """A disk that is nearly full takes a part."""
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]


def mend(unfinished: Path) -> tuple[Path | None, int]:
    """Give a file that was left open its length and name; None where it holds no sound. Its milliseconds."""
    target = unfinished.with_name(unfinished.name.removesuffix(UNFINISHED))
    with unfinished.open("r+b") as file:
        begun = file.read(HEADER.size)
        channels = HEADER.unpack(begun)[6] if len(begun) == HEADER.size else 0
        size = file.seek(0, os.SEEK_END) - HEADER.size
        if channels in (1, 2) and size >= 2 * channels:
            size -= size % (2 * channels)
            file.truncate(HEADER.size + size)
            file.seek(0)
            file.write(header(channels, size))
            os.fsync(file.fileno())
            unfinished.rename(target)
            return target, size * 1000 // (2 * channels * RATE)
    unfinished.unlink()
    return None, 0


def _open(path: Path) -> IO[bytes]:
    """Unbuffered, so that what the disk does not take is known at once; for our user's eyes alone."""
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", buffering=0)
