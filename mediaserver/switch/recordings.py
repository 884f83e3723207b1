"""Recordings of calls: begun, paused, told of by beeps, and handed to the process that writes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from common.clock import Clock
from common.control import EventType
from common.errors import Refused
from common.recording import RecordMode, RecordRules
from mediaserver import wire
from mediaserver.events import EventLog
from mediaserver.lines.base import Capability
from mediaserver.scribe.wav import UNFINISHED
from mediaserver.switch.bridges import Conflict
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.sidecar import Sidecar
from mediaserver.switch.sounding import Sounder
from mediaserver.switch.sounds import BEEP
from mediaserver.switch.tracks import Tracks

#: Seconds until a beep that would have cut a prompt is tried again.
_BEEP_AGAIN = 0.3
#: Files begun for one call, beyond which a writing process that dies is not asked again.
_TRIES = 5
#: Seconds that the last words may take to reach the disk as the media server ends.
_LAST_WORDS = 2.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Recording:
    """`name` is what the writing process knows it by, `file` where it lies below the directory."""

    name: str
    file: str
    call: LiveCall
    rules: RecordRules
    tracks: Tracks = field(default_factory=Tracks)
    #: By order of the control API.
    paused: bool = False
    beep: asyncio.TimerHandle | None = None


class Recordings:
    """`company` are the calls that hear a call; `note` puts a line into a call's trace."""

    def __init__(
        self,
        directory: Path,
        events: EventLog,
        sounder: Sounder,
        company: Callable[[LiveCall], Iterable[LiveCall]],
        note: Callable[[LiveCall, str], None],
        clock: Clock,
    ) -> None:
        self.directory = directory
        self._events = events
        self._sounder = sounder
        self._company = company
        self._note = note
        self._clock = clock
        self._writer = Sidecar("mediaserver.scribe", self, (str(directory),))
        self._by_call: dict[str, _Recording] = {}
        #: Those that are not whole on disk yet.
        self._written: dict[str, _Recording] = {}
        self._all_written = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Of the process that writes."""
        return self._writer.pid

    def start(self) -> None:
        """Have mended what an earlier run left unfinished."""
        if any(self.directory.glob(f"*/*{UNFINISHED}")):
            self._writer.send(b"")

    async def close(self) -> None:
        for recording in tuple(self._by_call.values()):
            self.end(recording.call)
        if self._written:
            self._all_written.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_written.wait(), _LAST_WORDS)
        await self._writer.close()

    # --- orders

    @staticmethod
    def check(call: LiveCall) -> None:
        """Raise Refused where it is to be recorded and its line cannot."""
        if call.request.record.mode is not RecordMode.OFF and Capability.RECORD not in call.line.capabilities:
            raise Refused("record.mode: this line cannot record; write off")

    def begin(self, call: LiveCall, rules: RecordRules) -> None:
        """Raise Refused where the line cannot, Conflict where it cannot now."""
        if rules.mode is RecordMode.OFF:
            raise Refused(f"mode: write one of {', '.join(mode for mode in RecordMode if mode is not RecordMode.OFF)}")
        if Capability.RECORD not in call.line.capabilities:
            raise Refused("this line cannot record calls")
        if call.record.state is not CallState.ANSWERED:
            raise Conflict("the call is not answered")
        if call.id in self._by_call:
            raise Conflict("this call is recorded already")
        call.recordings += 1
        name = f"{call.id}-{call.recordings}"
        file = f"{self._clock.utcnow().date().isoformat()}/{name}.wav"
        recording = self._by_call[call.id] = self._written[name] = _Recording(name, file, call, rules)
        self._writer.send(wire.encode(wire.BeginRecording(name, file, rules.mode.value)))
        call.recorded = True
        call.listen()
        call.line.tap(call.id, True)
        self.judge(call)
        self._note(call, f"recording: {file}")
        self._events.add(EventType.RECORDING, call.id, detail={"file": file, "mode": rules.mode.value})
        if rules.beep:
            self._beep(recording)

    def pause(self, call: LiveCall, on: bool) -> None:
        """Raise Conflict when it is not recorded."""
        recording = self._of(call)
        recording.paused = on
        self.judge(call)

    def end(self, call: LiveCall) -> None:
        """The file follows by an event. Harmless when it is not recorded."""
        recording = self._by_call.pop(call.id, None)
        if recording is None:
            return
        if recording.beep is not None:
            recording.beep.cancel()
        call.recorded = False
        if call.record.state is CallState.ANSWERED:
            call.line.tap(call.id, False)
            call.listen()
        self._hand_on(recording, all_of_it=True)
        self._writer.send(wire.encode(wire.EndRecording(recording.name)))

    def facts(self, call: LiveCall) -> dict[str, Any]:
        """Raise Conflict when it is not recorded."""
        recording = self._of(call)
        return {
            "file": recording.file,
            "mode": recording.rules.mode.value,
            "paused": recording.tracks.paused,
            "seconds": round(recording.tracks.seconds, 3),
        }

    def judge(self, call: LiveCall) -> None:
        """Whether it is paused now: by order, while keys are private, or while what is said is."""
        recording = self._by_call.get(call.id)
        if recording is None:
            return
        paused = recording.paused or call.keys_private or call.words_private
        if paused != recording.tracks.paused:
            recording.tracks.pause(paused)
            self._note(call, f"recording: {'paused' if paused else 'goes on'}")

    # --- what is recorded

    def heard(self, call: LiveCall, audio: bytes) -> None:
        if (recording := self._by_call.get(call.id)) is not None:
            recording.tracks.heard(audio)

    def spoken(self, call: LiveCall, audio: bytes) -> None:
        if (recording := self._by_call.get(call.id)) is not None:
            recording.tracks.spoken(audio)
            self._hand_on(recording)

    def _hand_on(self, recording: _Recording, *, all_of_it: bool = False) -> None:
        audio = recording.tracks.take(all_of_it=all_of_it)
        if audio:
            self._writer.send(wire.encode_heard(recording.name, audio))

    def _beep(self, recording: _Recording) -> None:
        """All who are heard are told; a prompt is not cut for it."""
        told = self._sounder.tone(recording.call, BEEP)
        if told:
            for other in self._company(recording.call):
                self._sounder.tone(other, BEEP)
        wait = recording.rules.beep if told else _BEEP_AGAIN
        recording.beep = asyncio.get_running_loop().call_later(wait, self._beep, recording)

    def _of(self, call: LiveCall) -> _Recording:
        recording = self._by_call.get(call.id)
        if recording is None:
            raise Conflict("this call is not recorded")
        return recording

    # --- what the writing process does

    def said(self, message: wire.Message) -> None:
        if not isinstance(message, wire.RecordingOver):
            return
        recording = self._written.pop(message.recording, None)
        if recording is None:
            if not message.recording:
                attempt = Path(message.file).stem.rpartition("-")[0]
                self._tell(attempt, message.file, message.duration_ms, 0.0, message.problem)
            return
        if self._by_call.get(recording.call.id) is recording:
            # It ended of itself: the disk takes no more.
            log.error("recording_ended", call=recording.call.id, error=message.problem)
            self._note(recording.call, f"recording: {message.problem}")
            self.end(recording.call)
        silenced = recording.tracks.silenced / 8000
        self._tell(recording.call.id, recording.file, message.duration_ms, silenced, message.problem)
        if not self._written:
            self._all_written.set()

    def lost(self) -> None:
        """The next process mends the files; calls that are still up go on in new ones."""
        under_way = tuple(self._by_call.values())
        if self._written:
            self._writer.send(b"")
        self._by_call.clear()
        self._written.clear()
        self._all_written.set()
        for recording in under_way:
            if recording.beep is not None:
                recording.beep.cancel()
            if recording.call.recordings < _TRIES:
                self.begin(recording.call, recording.rules)
                self._by_call[recording.call.id].paused = recording.paused
                self.judge(recording.call)
            else:
                log.error("recording_given_up", call=recording.call.id)
                self._note(recording.call, "recording: the writing process dies again and again")

    def _tell(self, attempt: str, file: str, milliseconds: int, silenced: float, problem: str) -> None:
        detail = {
            "file": file,
            "seconds": milliseconds / 1000,
            "paused_seconds": round(silenced, 3),
            "problem": problem,
        }
        self._events.add(EventType.RECORDED, attempt, detail=detail)
