"""The two directions of a recorded call laid side by side on one time line; pure, mu-law in and out.

What we send leaves by a clock, so it is the time line: each piece of it takes with it what was heard meanwhile, or
silence. Where nothing is sent (the far end holds us) what is heard makes its own way.
"""

from __future__ import annotations

from mediaserver.switch.rtp.transcode import ULAW_SILENCE

_RATE = 8000
#: Bytes heard that may wait for something to be sent (200 ms); beyond it they are the clock.
_AHEAD = 1600
#: Bytes of each direction (half a second) handed on at once.
_PIECE = 4000
_SILENCE = bytes([ULAW_SILENCE])


class Tracks:
    def __init__(self) -> None:
        self.paused = False
        #: Bytes of each direction so far, and of these how many are the silence of a pause.
        self.length = self.silenced = 0
        self._waiting = bytearray()
        self._heard = bytearray()
        self._spoken = bytearray()

    @property
    def seconds(self) -> float:
        return self.length / _RATE

    def pause(self, on: bool) -> None:
        """Time goes on, in silence; what was heard before and not yet laid is kept."""
        if on and not self.paused:
            self._lay(bytes(self._waiting), _SILENCE * len(self._waiting))
        self._waiting.clear()
        self.paused = on

    def spoken(self, audio: bytes) -> None:
        heard = bytes(self._waiting[: len(audio)])
        del self._waiting[: len(audio)]
        self._lay(heard + _SILENCE * (len(audio) - len(heard)), audio)

    def heard(self, audio: bytes) -> None:
        self._waiting += audio
        excess = len(self._waiting) - _AHEAD
        if excess > 0:
            self._lay(bytes(self._waiting[:excess]), _SILENCE * excess)
            del self._waiting[:excess]

    def take(self, *, all_of_it: bool = False) -> bytes:
        """What is ready to be written: halves of one length, what was heard and what was said; b"" for nothing yet."""
        if len(self._heard) < (1 if all_of_it else _PIECE):
            return b""
        ready = bytes(self._heard + self._spoken)
        self._heard.clear()
        self._spoken.clear()
        return ready

    def _lay(self, heard: bytes, spoken: bytes) -> None:
        if self.paused:
            self.silenced += len(heard)
            heard = spoken = _SILENCE * len(heard)
        self._heard += heard
        self._spoken += spoken
        self.length += len(heard)
