"""A conversation: calls whose streams are in one room, and who of them hears whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from common.conversation import Part, Supervision
from common.errors import ContractError
from mediaserver.switch.hearing import Member, hearing
from mediaserver.switch.media import MediaRoom, MediaStream


class Conversation:
    """Changes take effect with the next packet. A call that is not in it is a ContractError.

    `stream_of` a call that is not up answers None.
    """

    def __init__(self, room: MediaRoom, stream_of: Callable[[str], MediaStream | None]) -> None:
        self._room = room
        self._stream_of = stream_of
        self._members: dict[str, Member] = {}
        self._streams: dict[str, MediaStream] = {}
        self._pairs: set[tuple[str, str]] = set()

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members.values())

    def join(self, member: Member) -> None:
        """Raise NoRoom when it is full, ContractError when the call is not up. Whoever is in it comes anew."""
        stream = self._stream_of(member.call)
        if stream is None:
            raise ContractError(f"{member.call} is not up")
        self.leave(member.call)
        self._room.join(stream)
        self._members[member.call], self._streams[member.call] = member, stream
        self._apply()

    def leave(self, call: str) -> None:
        """Harmless when it has left."""
        if self._members.pop(call, None) is not None:
            self._room.leave(self._streams.pop(call))
            self._pairs = {pair for pair in self._pairs if call not in pair}

    def mute(self, call: str, on: bool) -> None:
        self._change(replace(self._of(call), muted=on))

    def hold(self, call: str, on: bool) -> None:
        self._change(replace(self._of(call), held=on))

    def supervise(self, call: str, how: Supervision) -> None:
        member = self._of(call)
        if member.part is not Part.SUPERVISOR:
            raise ContractError(f"{call} is no supervisor")
        self._change(replace(member, supervision=how))

    def close(self) -> None:
        self._room.close()
        self._members.clear()
        self._streams.clear()
        self._pairs.clear()

    def _of(self, call: str) -> Member:
        member = self._members.get(call)
        if member is None:
            raise ContractError(f"{call} is not in this conversation")
        return member

    def _change(self, member: Member) -> None:
        self._members[member.call] = member
        self._apply()

    def _apply(self) -> None:
        wanted = hearing(self._members.values())
        for pairs, on in ((self._pairs - wanted, False), (wanted - self._pairs, True)):
            for listener, speaker in pairs:
                self._room.hear(self._streams[listener], self._streams[speaker], on)
        self._pairs = wanted
