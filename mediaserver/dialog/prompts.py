"""Prompts become clips: recorded audio and speech are made 8 kHz mu-law once and kept in a directory by content."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

import structlog

from mediaserver.clipstore import ClipStore
from mediaserver.dialog import audio
from mediaserver.dialog.fetch import Fetcher, Visitor
from mediaserver.dialog.speech import SpeechFailed, SpeechSynthesizer
from mediaserver.wire import Clip
from vxml.messages import AudioItem, BreakItem, Fetch, Fetched, PromptItem, SpeechItem

_MAX_BREAK_MS = 60_000
#: How a recording of the session is handed to us (vxml.interpreter.runtime).
_RECORDING = "data:audio/wav;base64,"
#: Keys for the far end in the place of audio: `dtmf:12#`.
_KEYS = "dtmf:"
_SENDABLE = re.compile(r"[0-9A-D*#]{1,64}")
#: Milliseconds a key takes with the pause after it.
_KEY_MS = 180
#: Characters that are spoken at once: two minutes, for which the synthesiser's answer takes 6 MB.
_PIECE = 2000
#: Private clips kept in memory for repetition within a call.
_PRIVATE_CLIPS = 32

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rendered:
    """The clips of a queue, the bytes of its private ones, and what could not be had.

    `counts` is how many of the clips each item of the queue came to.
    """

    clips: tuple[Clip, ...]
    inline: tuple[tuple[str, bytes], ...] = ()
    failures: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    def moments(self, marks: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
        """When each mark of a `Play` is passed, in milliseconds from the beginning, and its name."""
        private = dict(self.inline)
        lengths = [_milliseconds(clip, private) for clip in self.clips]
        return tuple((sum(lengths[: sum(self.counts[:at])]), name) for at, name in marks)


class PromptRenderer:
    """Items are rendered at the same time; the same text asked twice at once is spoken once."""

    def __init__(self, store: ClipStore, synthesizer: SpeechSynthesizer, fetcher: Fetcher) -> None:
        self._store = store
        self._synthesizer = synthesizer
        self._fetcher = fetcher
        self._running: dict[str, asyncio.Task[str]] = {}
        self._private: OrderedDict[str, bytes] = OrderedDict()
        #: By session and address: when a fetch ahead began, and what it gives.
        self._ahead: dict[tuple[str, str], tuple[float, asyncio.Task[Rendered]]] = {}

    async def render(self, items: tuple[PromptItem, ...], visitor: Visitor) -> Rendered:
        parts = await asyncio.gather(*(self._item(item, visitor) for item in items))
        return Rendered(
            clips=tuple(clip for part in parts for clip in part.clips),
            inline=tuple(clip for part in parts for clip in part.inline),
            failures=tuple(failure for part in parts for failure in part.failures),
            counts=tuple(len(part.clips) for part in parts),
        )

    async def prepare(self, items: tuple[AudioItem, ...], visitor: Visitor) -> None:
        """Have them at hand, one after the other. Each serves once, whatever its server lets a cache keep."""
        for item in items:
            task = asyncio.ensure_future(self._fetched(item, visitor))
            self._ahead[visitor.session, item.url] = asyncio.get_running_loop().time(), task
            await asyncio.wait((task,))

    def forget(self, visitor: Visitor) -> None:
        """Its session is over."""
        for key in [key for key in self._ahead if key[0] == visitor.session]:
            self._ahead.pop(key)[1].cancel()

    async def _item(self, item: PromptItem, visitor: Visitor) -> Rendered:
        match item:
            case BreakItem(milliseconds):
                return Rendered((Clip(silence_ms=max(0, min(milliseconds, _MAX_BREAK_MS))),))
            case SpeechItem(ssml=False) if len(item.text) > _PIECE:
                return await self.render(_pieces(item), visitor)
            case SpeechItem():
                return await self._speech(item)
            case AudioItem():
                return await self._audio(item, visitor)

    async def _speech(self, item: SpeechItem) -> Rendered:
        if not item.text.strip():
            return Rendered(())
        if len(item.text) > 2 * _PIECE:
            return Rendered((), failures=(f"{len(item.text)} characters of SSML are too many for one prompt",))
        key = _key("speech", self._synthesizer.name, item.language, str(item.ssml), item.text)
        try:
            if item.private:
                clip = self._private.get(key)
                if clip is None:
                    clip = await self._synthesizer.speak(item.text, item.language, item.ssml)
                    self._keep_private(key, clip)
                name = secrets.token_hex(8)
                return Rendered((Clip(inline=name),), ((name, clip),))
            file = await self._once(key, lambda: self._synthesizer.speak(item.text, item.language, item.ssml))
        except (SpeechFailed, OSError) as error:
            # The disk may be full: to the script it is a prompt that cannot be had.
            log.warning("prompt_not_spoken", language=item.language, error=str(error))
            return Rendered((), failures=(str(error),))
        return Rendered((Clip(file=file),))

    async def _audio(self, item: AudioItem, visitor: Visitor) -> Rendered:
        if item.url.startswith(_RECORDING):
            return await self._recording(item)
        if item.url.startswith(_KEYS):
            return _keys(item)
        found = await self._from_ahead(item, visitor) or await self._fetched(item, visitor)
        if found.clips:
            return found
        alternate = await self.render(item.alternate, visitor)
        if alternate.clips:
            return alternate
        return Rendered((), failures=(*found.failures, *alternate.failures))

    async def _from_ahead(self, item: AudioItem, visitor: Visitor) -> Rendered | None:
        begun, task = self._ahead.pop((visitor.session, item.url), (0.0, None))
        if task is None:
            return None
        age = asyncio.get_running_loop().time() - begun
        if item.max_age is not None and age > item.max_age:
            return None
        # Shielded: what cuts this queue is no reason to throw away what was fetched.
        found = await asyncio.shield(task)
        return found if found.clips else None

    async def _fetched(self, item: AudioItem, visitor: Visitor) -> Rendered:
        """Without its alternate."""
        answer = await self._fetcher.fetch(_fetch_of(item), visitor)
        if not isinstance(answer, Fetched) or answer.status != 200:
            failure = f"status {answer.status}" if isinstance(answer, Fetched) else answer.detail
        else:
            try:
                return Rendered((Clip(file=await self._recorded(answer)),))
            except (audio.UnreadableAudio, OSError) as error:
                failure = str(error)
        name = item.url.partition("?")[0].rpartition("/")[2]
        return Rendered((), failures=(f"{name}: {failure}",))

    async def _recording(self, item: AudioItem) -> Rendered:
        """What the caller said in this call: never on disk, where prompts are kept."""
        try:
            wav = base64.b64decode(item.url.removeprefix(_RECORDING), validate=True)
            clip = await asyncio.to_thread(audio.to_ulaw, wav)
        except (ValueError, audio.UnreadableAudio) as error:
            return Rendered((), failures=(f"recording: {error}",))
        name = secrets.token_hex(8)
        return Rendered((Clip(inline=name),), ((name, clip),))

    async def _recorded(self, answer: Fetched) -> str:
        name = answer.url.partition("?")[0]
        key = _key("audio", answer.content_type, name.rpartition(".")[2], hashlib.sha256(answer.body).hexdigest())
        return await self._once(key, lambda: asyncio.to_thread(audio.to_ulaw, answer.body, answer.content_type, name))

    async def _once(self, key: str, make: Callable[[], Awaitable[bytes]]) -> str:
        file = self._store.find(key)
        if file is not None:
            return file
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._make(key, make))
        # Shielded, because a hang-up of one call must not take the clip from another that waits for it.
        return await asyncio.shield(task)

    async def _make(self, key: str, make: Callable[[], Awaitable[bytes]]) -> str:
        try:
            clip = await make()
            return await asyncio.to_thread(self._store.put, key, clip)
        finally:
            del self._running[key]

    def _keep_private(self, key: str, clip: bytes) -> None:
        self._private[key] = clip
        if len(self._private) > _PRIVATE_CLIPS:
            self._private.popitem(last=False)


def _fetch_of(item: AudioItem) -> Fetch:
    return Fetch(id=0, url=item.url, timeout=item.timeout, max_age=item.max_age, max_stale=item.max_stale)


def _keys(item: AudioItem) -> Rendered:
    keys = unquote(item.url.removeprefix(_KEYS)).upper()
    if not _SENDABLE.fullmatch(keys):
        return Rendered((), failures=("dtmf: takes 1 to 64 keys of 0-9, A-D, * and #",))
    return Rendered((Clip(keys=keys),))


def _milliseconds(clip: Clip, private: Mapping[str, bytes]) -> int:
    if clip.keys:
        return _KEY_MS * len(clip.keys)
    if clip.inline:
        return len(private[clip.inline]) * 1000 // audio.RATE
    return os.stat(clip.file).st_size * 1000 // audio.RATE if clip.file else clip.silence_ms


def _pieces(item: SpeechItem) -> tuple[PromptItem, ...]:
    """Long speech in pieces, between words."""
    pieces = []
    rest = item.text
    while rest:
        end = len(rest) if len(rest) <= _PIECE else rest.rfind(" ", 0, _PIECE) + 1 or _PIECE
        pieces.append(replace(item, text=rest[:end]))
        rest = rest[end:]
    return tuple(pieces)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
