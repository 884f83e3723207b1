"""Sounds of the media server's own: those that are shipped, and those a site has uploaded in their place."""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from common.errors import Refused
from mediaserver.priority import Ordinary
from mediaserver.sounds.tones import consent_beep, zip_tone
from mediaserver.switch.nursery import without_secrets

MUSIC, ZIP, BEEP = "music", "zip", "beep"
#: The music that is shipped; another number where it changes.
_SHIPPED = "shipped-1.ulaw"
_NAME = re.compile(r"[a-z0-9_-]{1,40}")
_PATIENCE = 30.0
#: Bytes of one uploaded file.
MAX_UPLOAD = 16 << 20

log = structlog.get_logger()


class Sounds:
    """Kept as mu-law in `directory`; made and converted in processes of their own, for the switch has no numpy."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._clips: dict[str, bytes] = {}
        self._shipped: Mapping[str, bytes] = {ZIP: zip_tone(), BEEP: consent_beep()}
        self._ready: asyncio.Task[None] | None = None
        #: Told once they are all there.
        self.on_ready: Callable[[], None] = lambda: None

    def __getitem__(self, name: str) -> bytes:
        """b"" for music that is still being made, and for a name nobody uploaded."""
        return self._clips.get(name) or self._shipped.get(name, b"")

    def __contains__(self, name: str) -> bool:
        return name in self._clips or name in (MUSIC, ZIP, BEEP)

    def get_ready(self) -> None:
        """Read what was uploaded and make the music; once, when the first call needs it."""
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_task(self._prepare())

    async def ready(self) -> None:
        self.get_ready()
        if self._ready is not None:
            await asyncio.shield(self._ready)

    async def close(self) -> None:
        if self._ready is not None:
            await asyncio.gather(self._ready, return_exceptions=True)

    async def put(self, name: str, data: bytes) -> float:
        """Keep an audio file under `name`, instead of what is shipped; its seconds. Raise Refused."""
        if not _NAME.fullmatch(name):
            raise Refused("a sound's name is 1 to 40 small letters, digits, - and _")
        await self.ready()
        source = self._directory / f"upload-{secrets.token_hex(8)}"
        target = self._directory / f"{name}.ulaw"
        try:
            await asyncio.to_thread(source.write_bytes, data)
            problem = await asyncio.to_thread(_make, target, source)
            if problem:
                raise Refused(problem)
            self._clips[name] = await asyncio.to_thread(target.read_bytes)
        except OSError as error:
            raise Refused(f"the sound cannot be kept: {error.strerror}") from error
        finally:
            source.unlink(missing_ok=True)
        return len(self._clips[name]) / 8000

    async def _prepare(self) -> None:
        music = self._directory / _SHIPPED
        try:
            await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True)
            if not music.exists() and (problem := await asyncio.to_thread(_make, music, None)):
                log.error("no_hold_music", error=problem)
            found = await asyncio.to_thread(self._read)
        except OSError as error:
            log.error("no_hold_music", error=error.strerror)
            return
        self._shipped = {**self._shipped, MUSIC: found.pop(music.stem, b"")}
        self._clips = found
        self.on_ready()

    def _read(self) -> dict[str, bytes]:
        return {file.stem: file.read_bytes() for file in self._directory.glob("*.ulaw")}


def _make(target: Path, source: Path | None) -> str:
    """Why `target` could not be made, "" when it was."""
    command = [sys.executable, "-m", "mediaserver.sounds", str(target), *([str(source)] if source else [])]
    with Ordinary():
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=without_secrets())
    try:
        _, told = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"it was not made within {_PATIENCE:.0f} s"
    if not process.returncode:
        return ""
    return told.decode(errors="replace").strip().rpartition("\n")[2] or "it could not be made"
