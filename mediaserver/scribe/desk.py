"""What the writing process does with the switch's messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.recording import RecordMode
from mediaserver import wire
from mediaserver.dialog import g711
from mediaserver.scribe.wav import UNFINISHED, GrowingWav, mend

MENDED = "the media server ended during the recording"


@dataclass(slots=True)
class _Open:
    wav: GrowingWav
    mode: RecordMode


class Desk:
    """`tell` takes what goes back to the switch."""

    def __init__(self, directory: Path, tell: Callable[[wire.RecordingOver], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._open: dict[str, _Open] = {}

    def mend(self) -> None:
        """What an earlier process left unfinished."""
        for unfinished in sorted(self._directory.glob(f"*/*.wav{UNFINISHED}")):
            try:
                path, milliseconds = mend(unfinished)
            except OSError as error:
                self._tell(wire.RecordingOver("", self._name(unfinished), 0, error.strerror or str(error)))
                continue
            if path is not None:
                self._tell(wire.RecordingOver("", self._name(path), milliseconds, MENDED))

    def receive(self, message: wire.Message | wire.Audio) -> None:
        match message:
            case wire.BeginRecording(recording, file, mode):
                self._begin(recording, file, RecordMode(mode))
            case wire.Audio(recording, audio) if recording in self._open:
                self._append(recording, self._open[recording], audio)
            case wire.EndRecording(recording) if recording in self._open:
                self._end(recording, "")

    def close(self) -> None:
        for recording in tuple(self._open):
            self._end(recording, "")

    def _begin(self, recording: str, file: str, mode: RecordMode) -> None:
        try:
            wav = GrowingWav(self._directory / file, 2 if mode is RecordMode.STEREO else 1)
        except OSError as error:
            self._tell(wire.RecordingOver(recording, file, 0, error.strerror or str(error)))
        else:
            self._open[recording] = _Open(wav, mode)

    def _append(self, recording: str, known: _Open, audio: bytes) -> None:
        """`audio` is what was heard and what was said, in halves of one length."""
        try:
            for samples in _samples(known.mode, audio):
                known.wav.append(samples)
        except OSError as error:
            self._end(recording, error.strerror or str(error))

    def _end(self, recording: str, problem: str) -> None:
        known = self._open.pop(recording)
        try:
            known.wav.close()
        except OSError as error:
            problem = problem or error.strerror or str(error)
        self._tell(wire.RecordingOver(recording, "", known.wav.milliseconds, problem))

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._directory))


def _samples(mode: RecordMode, audio: bytes) -> Iterator[bytes]:
    half = len(audio) // 2
    heard = g711.decode_ulaw(audio[:half])
    if mode is RecordMode.HEARD:
        yield heard.astype("<i2").tobytes()
        return
    spoken = g711.decode_ulaw(audio[half:])
    if mode is RecordMode.STEREO:
        yield np.column_stack((heard, spoken)).astype("<i2").tobytes()
    else:
        total = heard.astype(np.int32) + spoken
        yield np.clip(total, -32768, 32767).astype("<i2").tobytes()
