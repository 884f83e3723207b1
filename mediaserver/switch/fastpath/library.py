"""The built library beside this file, and its events as Python sees them. `script/setup` builds it."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from cffi import FFI

from common.errors import ClarionError

_HERE = Path(__file__).resolve().parent
BUILT = _HERE / "_pump.so"
#: Milliseconds of one tick (TICK_NS in internal.h).
TICK_MS = 2
_EVENT = struct.Struct("=IIIIII")


class FastPathMissing(ClarionError):
    """The media server's fast path is not built here; script/setup builds it where there is a C compiler."""


class Kind(IntEnum):
    """As in pump.h."""

    #: A play came to its end.
    PLAYED = 1
    #: A datagram of a telephone event.
    KEY = 2
    #: A datagram of audio.
    AUDIO = 3
    #: The process was held up, and that time was given up.
    STALLED = 4
    #: The payload of a packet of audio that was sent.
    SPOKEN = 5
    #: A key that begins in the audio.
    TONE = 6


@dataclass(frozen=True, slots=True)
class Event:
    kind: int
    stream: int
    a: int
    b: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Library:
    """`lib` has the functions of pump.h, `ffi` makes their arguments."""

    ffi: Any
    lib: Any


@functools.cache
def load() -> Library:
    """Raise FastPathMissing where it is not built, or built for another machine."""
    ffi = FFI()
    ffi.cdef((_HERE / "pump.h").read_text())
    try:
        lib = ffi.dlopen(str(BUILT))
    except OSError as error:
        raise FastPathMissing from error
    return Library(ffi, lib)


def available() -> bool:
    try:
        load()
    except FastPathMissing:
        return False
    return True


def parse_events(data: bytes) -> Iterator[Event]:
    offset = 0
    while offset < len(data):
        size, kind, stream, a, b, length = _EVENT.unpack_from(data, offset)
        start = offset + _EVENT.size
        yield Event(kind, stream, a, b, data[start : start + length])
        offset += size
