"""Cuts a byte stream into SIP messages (RFC 3261 18.3) and keep-alives (RFC 5626 3.5.1)."""

from __future__ import annotations

import re

from common.errors import ClarionError

PING = b"\r\n\r\n"
PONG = b"\r\n"
MAX_HEAD = 65_536
MAX_BODY = 65_536

_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([0-9]{1,10})[ \t]*\r?$", re.IGNORECASE | re.M)


class StreamError(ClarionError):
    """Where the next message begins is lost; the connection cannot go on."""


class StreamFramer:
    """`pings` counts the peer's keep-alives that await an answer; `pongs` its answers to ours."""

    def __init__(self) -> None:
        self.pings = 0
        self.pongs = 0
        self._buffer = bytearray()
        self._searched = 0
        self._after_pong = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. Raise StreamError; those before the fault come with the next call."""
        self._buffer += data
        found: list[bytes] = []
        while True:
            self._take_keep_alives()
            message = self._take_message()
            if message is None:
                return found
            found.append(message)

    def _take_keep_alives(self) -> None:
        buffer = self._buffer
        while buffer.startswith(PONG):
            if buffer.startswith(PING):
                self.pings += 1
                del buffer[: len(PING)]
                self._after_pong = False
                continue
            # The second half of a ping may be on its way still.
            if self._after_pong:
                self.pings += 1
                self.pongs -= 1
            else:
                self.pongs += 1
            self._after_pong = not self._after_pong and len(buffer) == len(PONG)
            del buffer[: len(PONG)]
        if buffer:
            self._after_pong = False

    def _take_message(self) -> bytes | None:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD:
                raise StreamError("no end of the headers within 65536 bytes")
            return None
        if end > MAX_HEAD:
            raise StreamError("the headers are longer than 65536 bytes")
        match = _LENGTH.search(buffer, 0, end)
        if match is None:
            raise StreamError("a message without Content-Length")
        length = int(match[1])
        if length > MAX_BODY:
            raise StreamError("a body longer than 65536 bytes")
        whole = end + 4 + length
        if len(buffer) < whole:
            self._searched = end
            return None
        message = bytes(buffer[:whole])
        del buffer[:whole]
        self._searched = 0
        return message
