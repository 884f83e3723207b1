"""Whether one more call may come: drain, room, dialog workers, and measured load."""

from __future__ import annotations

from collections.abc import Callable

from common.control import CallRequest
from common.errors import ClarionError
from mediaserver.switch.watch import Watch
from mediaserver.switch.workers import WorkerKey, WorkerPool


class NotAdmitted(ClarionError):
    """This media server takes no more calls now; `kind` is one of few words."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Admission:
    """`taken` counts the calls that are up, whoever asked for them."""

    def __init__(self, max_calls: int, watch: Watch, workers: WorkerPool, taken: Callable[[], int]) -> None:
        self.draining = False
        self.max_calls = max_calls
        self._watch = watch
        self._workers = workers
        self._taken = taken
        watch.calls = taken

    @property
    def room(self) -> int:
        """Calls that would be admitted at this moment."""
        free = 0 if self.draining else max(0, self.max_calls - self._taken())
        return min(free, self._watch.gate.decision.room)

    def admit(self, request: CallRequest) -> None:
        """Raise NotAdmitted."""
        if self.draining:
            raise NotAdmitted("draining", "this media server is draining")
        if not self.has_room():
            raise NotAdmitted("full", f"all {self.max_calls} calls are taken")
        if request.application and not self._workers.has_room(WorkerKey.of(request)):
            raise NotAdmitted("no_worker", "no dialog worker is free")
        if reason := self._watch.admit():
            raise NotAdmitted("overloaded", reason)

    def has_room(self) -> bool:
        """For one more, whatever the load."""
        return self._taken() < self.max_calls
