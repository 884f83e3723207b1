"""<record>: collects the caller's audio until silence, a key, the time limit or a hang-up ends it. Without IO."""

from __future__ import annotations

import numpy as np

from mediaserver.dialog import audio, g711
from vxml.messages import Record, Recorded

#: Root mean square of 16-bit samples under which a frame is silent (about -46 dBFS).
_SILENT = 160.0


class Recorder:
    def __init__(self, command: Record) -> None:
        self._command = command
        self._audio = bytearray()
        self._silent_ms = 0
        self._spoke = False

    @property
    def duration_ms(self) -> int:
        return len(self._audio) * 1000 // audio.RATE

    def hear(self, heard: bytes) -> Recorded | None:
        """The recording when this audio ended it. `heard` is mu-law."""
        self._audio += heard
        if self._loud(heard):
            self._spoke, self._silent_ms = True, 0
        else:
            self._silent_ms += len(heard) * 1000 // audio.RATE
        if self.duration_ms >= self._command.max_seconds * 1000:
            return self.end("maxtime")
        patience = self._command.final_silence if self._spoke else self._command.timeout
        return self.end("silence") if self._silent_ms >= patience * 1000 > 0 else None

    def press(self, key: str) -> Recorded | None:
        """The recording when `key` ends it."""
        ends = self._command.term_keys
        return self.end(key) if ends == "any" or key in ends else None

    def end(self, ended_by: str) -> Recorded:
        """Without audio when nothing was said."""
        if not self._spoke:
            return Recorded(self._command.id, b"", self.duration_ms, ended_by)
        return Recorded(self._command.id, audio.to_wav(bytes(self._audio)), self.duration_ms, ended_by)

    def _loud(self, heard: bytes) -> bool:
        if not heard:
            return False
        samples = g711.decode_ulaw(heard).astype(np.float32)
        return bool(np.sqrt(np.mean(samples * samples)) >= _SILENT)
