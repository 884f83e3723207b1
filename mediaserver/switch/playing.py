"""What a call plays: the dialog's clip queues in their order with keys, and hanging up after the last word."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import structlog

from common.tasks import note_failure
from mediaserver import wire
from mediaserver.lines.base import Unsupported
from mediaserver.switch.clips import ClipShelf
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.rtp.stream import KEY_GAP_MS
from mediaserver.switch.workers import WorkerPool

#: Seconds a call waits for the apology while this server has only just started.
_APOLOGY_PATIENCE = 3.0

log = structlog.get_logger()


class Run(Protocol):
    """Keeps a coroutine of ours alive; `failed` is told where it fails, instead of the log."""

    def __call__(
        self, work: Coroutine[Any, Any, None], failed: Callable[[Exception], None] | None = None, /
    ) -> object: ...


class Player:
    """One for all calls; `run` keeps a coroutine of ours alive."""

    def __init__(self, shelf: ClipShelf, run: Run) -> None:
        self._shelf = shelf
        self._run = run

    def play(self, call: LiveCall, message: wire.PlayClips, inline: dict[str, bytes]) -> None:
        if message.stop_on_key and call.record.keys > message.keys_seen:
            # A key overtook the queue on its way here: it barged in before the first word.
            call.tell(wire.PlayEnded(call.id, message.play, False, 0))
            return
        self.start(call, message, inline)

    def start(self, call: LiveCall, message: wire.PlayClips, inline: dict[str, bytes]) -> None:
        call.playing, call.heard_ms = message.play, 0
        first, *rest = split_at_keys(message.clips)
        call.rest = deque(replace(message, clips=clips) for clips in rest)
        self._begin(call, replace(message, clips=first), inline)

    def _begin(self, call: LiveCall, message: wire.PlayClips, inline: dict[str, bytes]) -> None:
        """A part of the queue; keys stand at its beginning, if anywhere."""
        call.loading = False
        if message.clips and (keys := message.clips[0].keys):
            # What plays goes on between two keys: that must be silence.
            silence = wire.Clip(silence_ms=KEY_GAP_MS * len(keys))
            message = replace(message, clips=(silence, *message.clips[1:]))
            try:
                call.line.send_keys(call.id, keys)
            except Unsupported as error:
                log.warning("keys_not_sent", call=call.id, reason=str(error))
        audio = self._shelf.at_hand(message.clips, inline)
        if audio is not None:
            call.line.play(call.id, message.play, audio, message.stop_on_key)
        else:
            call.loading = True
            # A queue that cannot be played is over: the script waits for its end.
            failed = partial(self._not_loaded, call, message.play)
            self._run(self._load_and_play(call, message, inline), failed)

    def _not_loaded(self, call: LiveCall, play: int, error: Exception) -> None:
        note_failure("clips", error, call=call.id)
        self.played(call, play, False, 0)

    def stop(self, call: LiveCall) -> None:
        if call.playing is not None and call.loading:
            self.played(call, call.playing, False, 0)
        else:
            call.line.stop_play(call.id)

    def drop(self, call: LiveCall) -> None:
        """Stop what plays for a dialog that is replaced: told that it ended, that would go on to its own end."""
        call.playing = None
        call.rest.clear()
        call.line.stop_play(call.id)

    def played(self, call: LiveCall, play: int, completed: bool, heard_ms: int) -> None:
        if play != call.playing:
            return
        call.heard_ms += heard_ms
        if completed and call.rest:
            self._begin(call, call.rest.popleft(), {} if call.worker is None else call.worker.inline)
            return
        call.playing = None
        call.rest.clear()
        call.tell(wire.PlayEnded(call.id, play, completed, call.heard_ms))
        if call.hang_up_after_queue:
            call.line.hang_up(call.id)

    async def _load_and_play(self, call: LiveCall, message: wire.PlayClips, inline: dict[str, bytes]) -> None:
        await self._shelf.load(message.clips)
        if call.playing != message.play or call.record.state is not CallState.ANSWERED:
            return
        call.loading = False
        audio = self._shelf.at_hand(message.clips, inline)
        if audio is None or (message.stop_on_key and call.record.keys > message.keys_seen):
            self.played(call, message.play, False, 0)
            return
        call.line.play(call.id, message.play, audio, message.stop_on_key)


def split_at_keys(clips: tuple[wire.Clip, ...]) -> list[tuple[wire.Clip, ...]]:
    """The queue in parts, each of which begins with keys but for the first; at least one."""
    parts: list[list[wire.Clip]] = [[]]
    for clip in clips:
        if clip.keys and parts[-1]:
            parts.append([])
        parts[-1].append(clip)
    return [tuple(part) for part in parts]


class Apology:
    """What is said when an application fails; rendered once at the start, silence where that cannot be done."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._clip: wire.Clip | None = None
        self._ready = asyncio.Event()

    async def prepare(self, workers: WorkerPool, shelf: ClipShelf) -> None:
        file = await workers.render(self._text, "en-US") if self._text else ""
        if file:
            clip = wire.Clip(file=file)
            await shelf.load((clip,))
            self._clip = clip
        self._ready.set()

    async def clip(self) -> wire.Clip | None:
        """None where it cannot be had soon."""
        if not self._ready.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), _APOLOGY_PATIENCE)
        return self._clip
