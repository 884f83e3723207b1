"""A call under way: its record, its line, its dialog, and what is playing."""

from __future__ import annotations

import asyncio
from collections import deque

from common.control import CallRequest, DialogResult
from mediaserver import wire
from mediaserver.lines.base import Line
from mediaserver.switch.record import CallRecord, CallState
from mediaserver.switch.workers import Worker

#: Bytes of caller audio (60 ms) sent to the dialog at once: a voice that barges in is to stop the prompt within 300 ms.
_HEARD_BYTES = 480
#: To classification, 60 ms.
_CLASSIFIED_BYTES = 480


class LiveCall:
    def __init__(self, request: CallRequest, boot_id: str, line: Line) -> None:
        self.request = request
        self.record = CallRecord(request, boot_id)
        self.line = line
        self.worker: Worker | None = None
        #: The INVITE was handed to the line.
        self.placed = False
        #: Somebody outside the call ended it; its line was given its time to say so.
        self.stopped = self.ending = False
        self.playing: int | None = None
        #: What follows in the queue, and how much of it was heard.
        self.rest: deque[wire.PlayClips] = deque()
        self.heard_ms = 0
        #: Its clips are still being read.
        self.loading = False
        self.hang_up_after_queue = False
        #: The name of the music it is to hear, and the play of ours that it hears now.
        self.tune = ""
        self.sound: int | None = None
        #: The dialog wants to hear the far end; classification does.
        self.dialog_hears = False
        self.classified = False
        #: It is being recorded; how many recordings there were; what keeps a recording silent.
        self.recorded = False
        self.recordings = 0
        self.keys_private = self.words_private = False
        #: The application is over, the call waits for the decision who answered.
        self.held = False
        self.limit: asyncio.TimerHandle | None = None
        self.aftermath: asyncio.TimerHandle | None = None
        self._heard = bytearray()
        self._to_classify = bytearray()

    @property
    def id(self) -> str:
        return self.request.attempt_id

    def tell(self, message: wire.Message) -> None:
        if self.worker is not None:
            self.worker.send(wire.encode(message))

    def listen(self) -> None:
        """Have the far end's audio from the line while somebody wants it."""
        self.line.listen(self.id, self.dialog_hears or self.classified or self.recorded)

    def to_classify(self, audio: bytes) -> bytes:
        """What is to be sent to classification now, b"" for nothing yet."""
        self._to_classify += audio
        if not self.classified or len(self._to_classify) < _CLASSIFIED_BYTES:
            return b""
        ready = bytes(self._to_classify)
        self._to_classify.clear()
        return ready

    def hear(self, audio: bytes) -> None:
        if not self.dialog_hears:
            return
        self._heard += audio
        if len(self._heard) >= _HEARD_BYTES:
            self.flush_heard()

    def flush_heard(self) -> None:
        if self._heard and self.worker is not None:
            self.worker.send(wire.encode_heard(self.id, bytes(self._heard)))
        self._heard.clear()

    def end_by_system(self) -> None:
        """Hang up, or cancel, whatever its state."""
        self.stopped = True
        if self.record.state is CallState.ANSWERED:
            self.record.dialog_over(DialogResult.SYSTEM_HANGUP, {})
        if self.placed:
            self.line.hang_up(self.id)

    def cancel_timers(self) -> None:
        for timer in (self.limit, self.aftermath):
            if timer is not None:
                timer.cancel()
