"""The switch's clips in memory, read from the files the workers name; file reading never holds up a packet."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

import structlog

from mediaserver.switch.rtp.transcode import ULAW_SILENCE
from mediaserver.wire import Clip

#: Bytes of clips kept, least recently used out first (over two hours of audio).
MAX_BYTES = 64 << 20
_BYTES_A_MS = 8
_MAX_SILENCE_MS = 60_000

log = structlog.get_logger()


class ClipShelf:
    """`directory` is the only place clips are read from, whatever a worker says."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory.resolve()
        self._max_bytes = max_bytes
        self._size = 0
        self._clips: OrderedDict[str, bytes] = OrderedDict()

    def at_hand(self, clips: tuple[Clip, ...], inline: dict[str, bytes]) -> tuple[bytes, ...] | None:
        """The audio of a queue when all of it is in memory; takes the private clips out of `inline`."""
        if any(clip.file and clip.file not in self._clips for clip in clips):
            return None
        return tuple(self._audio(clip, inline) for clip in clips)

    async def load(self, clips: tuple[Clip, ...]) -> None:
        """Read the files that are not in memory; one that cannot be read is silent."""
        for clip in clips:
            if clip.file and clip.file not in self._clips:
                self._keep(clip.file, await asyncio.to_thread(self._read, clip.file))

    def _audio(self, clip: Clip, inline: dict[str, bytes]) -> bytes:
        if clip.file:
            self._clips.move_to_end(clip.file)
            return self._clips[clip.file]
        if clip.inline:
            return inline.pop(clip.inline, b"")
        return bytes([ULAW_SILENCE]) * (min(clip.silence_ms, _MAX_SILENCE_MS) * _BYTES_A_MS)

    def _read(self, name: str) -> bytes:
        path = Path(name)
        if self._directory not in path.resolve().parents:
            log.error("clip_outside_directory", file=path.name)
            return b""
        try:
            return path.read_bytes()
        except OSError as error:
            log.error("clip_unreadable", file=path.name, error=error.strerror)
            return b""

    def _keep(self, name: str, audio: bytes) -> None:
        self._clips[name] = audio
        self._size += len(audio)
        while self._size > self._max_bytes and len(self._clips) > 1:
            _, dropped = self._clips.popitem(last=False)
            self._size -= len(dropped)
