"""The calls under way in this media server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from common.conversation import Part
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState


class Roster:
    """By their attempt ids."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._served = asyncio.Event()
        self._served.set()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def states(self) -> Mapping[str, int]:
        """How many calls are in each state."""
        counted = Counter(call.record.state for call in self._calls.values())
        return {state.value: counted[state] for state in CallState if state is not CallState.ENDED}

    def find(self, call: str) -> LiveCall | None:
        return self._calls.get(call)

    def under_way(self) -> tuple[LiveCall, ...]:
        return tuple(self._calls.values())

    def add(self, call: LiveCall) -> None:
        self._calls[call.id] = call
        self._idle.clear()
        if call.request.part is Part.CUSTOMER:
            self._served.clear()

    def remove(self, call: LiveCall) -> None:
        """Harmless when it is gone."""
        self._calls.pop(call.id, None)
        if not self._calls:
            self._idle.set()
        if not any(known.request.part is Part.CUSTOMER for known in self._calls.values()):
            self._served.set()

    async def until_served(self) -> None:
        """Until no customer is left: agents' legs would stay for ever."""
        await self._served.wait()

    async def until_idle(self) -> None:
        await self._idle.wait()
