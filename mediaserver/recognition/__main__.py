"""A decoder: utterances in, what they may have been out, in the parts of `mediaserver.dialog.helper`."""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import Any, BinaryIO

import orjson

from mediaserver.recognition.sphinx import Sphinx, Unusable

#: Bytes of address space.
_MEMORY = 1 << 30
_MAX_PART = 16 << 20


def main() -> int:
    # A Ctrl-C at the terminal is for the switch alone; this process ends when its dialog worker does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.nice(5)
    sphinx = Sphinx()
    _write(sys.stdout.buffer, {"ready": True})
    while (head := _read(sys.stdin.buffer)) is not None and (audio := _read(sys.stdin.buffer)) is not None:
        _write(sys.stdout.buffer, _answer(sphinx, orjson.loads(head), audio))
    return 0


def _answer(sphinx: Sphinx, asked: dict[str, Any], audio: bytes) -> dict[str, Any]:
    try:
        found = sphinx.decode(audio, asked["jsgf"], asked["words"], asked["results"], asked["accuracy"])
    except Unusable as error:
        return {"error": str(error), "tired": sphinx.tired}
    return {"found": found, "tired": sphinx.tired}


def _read(stream: BinaryIO) -> bytes | None:
    """One part, None at the end."""
    head = stream.read(4)
    length = int.from_bytes(head)
    if len(head) < 4 or length > _MAX_PART:
        return None
    part = stream.read(length)
    return part if len(part) == length else None


def _write(stream: BinaryIO, answer: dict[str, Any]) -> None:
    body = orjson.dumps(answer)
    stream.write(len(body).to_bytes(4) + body)
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
