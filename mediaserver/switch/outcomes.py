"""How calls ended: what is remembered of them, journaled and told, and that no attempt is dialled twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import structlog

from common.clock import isoformat
from common.control import CallStatus, EventType
from common.tasks import Tasks, note_failure
from mediaserver.events import EventLog
from mediaserver.journal import Journal, anonymous
from mediaserver.packed import pack, unpack

#: Ended calls whose whole status is kept in memory; older ones are answered from the journal, without their trace.
_RECENT = 2000
#: Bytes of them at the most, packed.
_RECENT_BYTES = 16 << 20

log = structlog.get_logger()


class Outcomes:
    """Of this boot in full for the last calls, of earlier ones as the journal has them."""

    def __init__(self, boot_id: str, journal: Journal) -> None:
        self.events = EventLog(boot_id)
        self._boot_id = boot_id
        self._journal = journal
        #: Encoded and packed.
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._reports = Tasks()

    def open(self, now: datetime) -> None:
        self._journal.open(now)

    async def close(self) -> None:
        """Once every report is in the journal."""
        await self._reports.ended()
        await self._journal.close()

    def of(self, attempt: str) -> CallStatus | None:
        """An ended or journaled attempt's; None when this server never knew it."""
        recent = self._recent.get(attempt)
        return self._journal.outcome(attempt) if recent is None else CallStatus.from_json(orjson.loads(unpack(recent)))

    async def begin(self, attempt: str, now: datetime) -> None:
        """On disk before the INVITE leaves. Raise OSError."""
        await self._journal.begin(attempt, self._boot_id, isoformat(now))

    def report(self, status: CallStatus) -> None:
        """The call is over: remembered at once, told as soon as the journal has it."""
        self._remember(status)
        self._reports.start(self._journal_and_tell(status))

    def _remember(self, status: CallStatus) -> None:
        self._size -= len(self._recent.pop(status.attempt_id, b""))
        self._recent[status.attempt_id] = packed = pack(orjson.dumps(status.to_json()))
        self._size += len(packed)
        while len(self._recent) > _RECENT or self._size > _RECENT_BYTES:
            self._size -= len(self._recent.popitem(last=False)[1])

    async def forget(self, attempt: str) -> None:
        """Keep how it ended, and nothing of the person."""
        if attempt in self._recent:
            whole = CallStatus.from_json(orjson.loads(unpack(self._recent[attempt])))
            self._remember(anonymous(whole))
        self.events.forget(attempt)
        await self._journal.forget(attempt)

    async def _journal_and_tell(self, status: CallStatus) -> None:
        try:
            await self._journal.end(status)
        except OSError:
            log.error("outcome_not_journaled", call=status.attempt_id)
        except Exception as error:
            note_failure("journal", error, call=status.attempt_id)
        self.events.add(EventType.ENDED, status.attempt_id, status)


def reportable(call: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`values`, or nothing where they nest too deeply for a journal line or an event: the outcome comes first."""
    try:
        # As deep as in both, and copied as they are by `asdict`.
        orjson.dumps({"status": CallStatus(call, "", "ended", exit=values).to_json()})
    except (TypeError, RecursionError) as error:
        log.error("exit_values_dropped", call=call, error=type(error).__name__)
        return {}
    return values
