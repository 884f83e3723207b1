"""What lines have in common whose sound goes through our own RTP pump."""

from __future__ import annotations

from mediaserver.lines import base
from mediaserver.switch.conversation import Conversation
from mediaserver.switch.media import MediaPump, MediaStream, RoomsUnsupported
from mediaserver.switch.rtp import stream as rtp


class PumpedLine:
    """The half of a line that has streams; who has calls says which stream is whose."""

    _sink: base.Sink | None = None

    def __init__(self, pump: MediaPump) -> None:
        self._pump = pump

    def stop_play(self, call: str) -> None:
        if (stream := self._stream(call)) is not None:
            stream.stop_play()

    def tap(self, call: str, on: bool) -> None:
        if (stream := self._stream(call)) is not None:
            stream.tap(on)

    def conversation(self) -> Conversation:
        try:
            return Conversation(self._pump.room(), self._stream)
        except RoomsUnsupported as error:
            raise base.Unsupported(str(error)) from error

    def _stream(self, call: str) -> MediaStream | None:
        raise NotImplementedError

    def _tell(self, event: base.LineEvent) -> None:
        assert self._sink is not None
        self._sink(event)

    def _sounded(self, call: str, event: rtp.StreamEvent) -> None:
        match event:
            case rtp.KeyHeard(key):
                self._tell(base.Key(call, key))
            case rtp.PlayEnded(play, completed, heard_ms):
                self._tell(base.Played(call, play, completed, heard_ms))
            case rtp.AudioHeard(audio):
                self._tell(base.Heard(call, audio))
            case rtp.AudioSpoken(audio):
                self._tell(base.Spoken(call, audio))
