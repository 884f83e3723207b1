"""The carrier's own record of who was rung and how it ended: JSON lines, appended at once.

    {"event": "ring", "at": ..., "call_id": ..., "number": ..., "attempt": ..., "behaviour": ..., "ring": N}
    {"event": "answer", "at": ..., "call_id": ..., "number": ..., "attempt": ...}
    {"event": "end", "at": ..., "call_id": ..., "number": ..., "attempt": ..., "outcome": ..., "behaviour": ...,
     "keys": ..., "rtp": {...}}

One distinct Call-ID is one ring: retransmissions and the authenticated re-INVITE add no line.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Appends lines with single writes, so a kill can cut off nothing but the last one. No path: keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **values: Any) -> None:
        if self._file is None:
            return
        line = json.dumps({"event": event, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **values})
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; a last line cut off by a kill is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def rings_by_attempt(path: Path) -> Counter[str]:
    """How often the far end was rung for each attempt (X-Clarion-Attempt); no value may be above 1."""
    return Counter(line["attempt"] for line in read_journal(path) if line["event"] == "ring")
