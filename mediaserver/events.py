"""The event log behind `/v1/events`: numbered from 1 within a boot, kept a while for those who reconnect."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson

from common.clock import isoformat, utcnow
from common.control import CallEvent, CallStatus, EventType
from mediaserver.packed import pack, unpack

#: Events kept for replay; at a hundred calls a second some ten seconds, at a site's usual rate hours.
KEEP = 5000
#: Bytes of them at the most, packed: an ended call's tells its whole trace and what its script gave back.
KEEP_BYTES = 16 << 20


class EventLog:
    def __init__(self, boot_id: str, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        self._boot_id = boot_id
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._size = 0
        self._kept: deque[bytes] = deque()
        self.last_seq = 0
        self._news = asyncio.Event()

    def add(
        self,
        kind: EventType,
        attempt_id: str,
        status: CallStatus | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self.last_seq += 1
        event = CallEvent(self.last_seq, self._boot_id, kind, attempt_id, isoformat(utcnow()), status, detail or {})
        self._kept.append(pack(orjson.dumps(event.to_json())))
        self._size += len(self._kept[-1])
        while len(self._kept) > self._keep or (self._size > self._keep_bytes and len(self._kept) > 1):
            self._size -= len(self._kept.popleft())
        self._news.set()
        self._news = asyncio.Event()

    def after(self, seq: int, limit: int = 100) -> tuple[int, list[bytes]]:
        """The number of the last and up to `limit` encoded events after `seq`, or from the oldest kept."""
        first_kept = self.last_seq - len(self._kept) + 1
        start = max(seq + 1, first_kept) if seq <= self.last_seq else first_kept
        index = start - first_kept
        chosen = [unpack(event) for event in islice(self._kept, index, index + limit)]
        return start + len(chosen) - 1, chosen

    def forget(self, attempt_id: str) -> None:
        """Keep the attempt's events without what they tell of the person."""
        for place, event in enumerate(self._kept):
            body = orjson.loads(unpack(event))
            if body["attempt_id"] == attempt_id:
                self._kept[place] = pack(orjson.dumps({**body, "status": None, "detail": {}}))
                self._size += len(self._kept[place]) - len(event)

    async def wait(self, seq: int) -> None:
        """Return once there is an event after `seq`."""
        while self.last_seq <= seq:
            await self._news.wait()
