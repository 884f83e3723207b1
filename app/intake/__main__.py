"""The process that reads a large file: a job comes in on standard input, chunks go out on standard output.

It ends with the file, or when nobody reads any more.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from typing import IO, Any

from app.intake.chunks import END, LENGTH, RARELY, REFUSED, Job, chunks
from common.errors import Refused


def _send(pipe: IO[bytes], values: tuple[Any, ...]) -> None:
    body = marshal.dumps(values)
    pipe.write(LENGTH.pack(len(body)) + body)


def main() -> None:
    # There are no cycles in what is made of rows, and no other work here: the search for them took a fifth of the time.
    gc.freeze()
    gc.set_threshold(RARELY)
    job = Job(**marshal.loads(sys.stdin.buffer.read()))  # noqa: S302 - from our own parent
    pipe = sys.stdout.buffer
    try:
        try:
            for chunk in chunks(job):
                _send(pipe, tuple(chunk))
            _send(pipe, (END,))
        except Refused as refused:
            _send(pipe, (REFUSED, str(refused)))
        pipe.flush()
    except BrokenPipeError:
        # Whoever asked is gone; there is nobody left to tell.
        os._exit(1)


if __name__ == "__main__":
    main()
