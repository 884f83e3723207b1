"""Rendered clips on disk: what workers make once and the switch plays."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import structlog

#: Bytes of clips kept on disk (some eighteen hours of audio).
MAX_BYTES = 512 << 20
_PRUNE_INTERVAL = 600.0

log = structlog.get_logger()


class ClipStore:
    """Clips on disk, shared by all workers: named by content, written under another name and then renamed.

    `find` and `put` do without pathlib: it interns each part of a path (Python 3.11), so the table of interned strings
    of every worker grew by a megabyte after two thousand calls.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._prefix = str(directory)
        #: What `find` found, and did not.
        self.found = self.missed = 0

    def find(self, key: str) -> str | None:
        path = self._path(key)
        try:
            # Its time tells the pruning that it is still used.
            os.utime(path)
        except OSError:
            self.missed += 1
            return None
        self.found += 1
        return path

    def put(self, key: str, clip: bytes) -> str:
        path = self._path(key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        draft = f"{path}.{secrets.token_hex(4)}"
        with open(draft, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(clip)
        os.rename(draft, path)
        return path

    def prune(self, max_bytes: int) -> int:
        """Delete the least recently used clips beyond `max_bytes`; how many."""
        found = []
        for path in self._directory.glob("??/*"):
            try:
                details = path.stat()
            except OSError:
                continue
            found.append((details.st_mtime, details.st_size, path))
        excess = sum(size for _, size, _ in found) - max_bytes
        deleted = 0
        for _, size, path in sorted(found):
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
            deleted += 1
        return deleted

    def forget(self, since: float, until: float) -> int:
        """Delete the clips that were last used between two moments (seconds since 1970); how many.

        What was rendered for one person was last used in a call of theirs. Another call that plays a clip of the same
        words has made it younger; what is gone is rendered again.
        """
        deleted = 0
        for path in self._directory.glob("??/*"):
            try:
                if since <= path.stat().st_mtime <= until:
                    path.unlink()
                    deleted += 1
            except OSError:
                continue
        return deleted

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key[:2]}/{key[2:]}.ulaw"


async def prune_for_ever(directory: Path) -> None:
    store = ClipStore(directory)
    while True:
        deleted = await asyncio.to_thread(store.prune, MAX_BYTES)
        if deleted:
            log.info("clips_pruned", deleted=deleted)
        await asyncio.sleep(_PRUNE_INTERVAL)
