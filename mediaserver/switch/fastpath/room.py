"""A room of the C loop, in which streams hear each other (room.c)."""

from __future__ import annotations

from typing import Any

from common.errors import ClarionError, ContractError
from mediaserver.switch.fastpath.library import Library
from mediaserver.switch.fastpath.stream import FastStream
from mediaserver.switch.media import MediaStream


class NoRoom(ClarionError):
    """No more people can be joined: a room holds eight, a media server a thousand rooms."""


class FastRoom:
    """Raise NoRoom where none can be had."""

    def __init__(self, library: Library, pump: Any) -> None:
        self._library = library
        self._pump = pump
        self._number: int = library.lib.clarion_room(pump)
        if not self._number:
            raise NoRoom

    def join(self, stream: MediaStream) -> None:
        """It hears nobody and nobody hears it yet. It leaves the room it was in. Raise NoRoom."""
        if not self._library.lib.clarion_join(self._pump, self._number, _number(stream)):
            raise NoRoom

    def leave(self, stream: MediaStream) -> None:
        self._library.lib.clarion_leave(self._pump, _number(stream))

    def hear(self, listener: MediaStream, speaker: MediaStream, on: bool) -> None:
        """Of two streams that are not both in a room nothing changes."""
        self._library.lib.clarion_hear(self._pump, _number(listener), _number(speaker), on)

    def close(self) -> None:
        """All leave."""
        self._library.lib.clarion_close_room(self._pump, self._number)
        self._number = 0


def _number(stream: MediaStream) -> int:
    if not isinstance(stream, FastStream):
        raise ContractError("a stream of another pump")
    return stream.number
