"""What is known of one call, from admission to its outcome; pure, moments are passed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.clock import isoformat
from common.control import CallRequest, CallStatus, DialogResult, Disposition, RtpStats, Times, TrunkFault
from common.errors import ContractError
from mediaserver.lines.base import Failed, HungUp, TrunkFailed
from mediaserver.switch.sip.release import UNSAID

_MASK = "•"
#: Lines of trace kept; a script that logs for ever cannot fill the memory.
_TRACE_LINES = 300


class CallState(StrEnum):
    #: Admitted; its id goes to the journal, then the INVITE leaves.
    INVITED = "invited"
    #: 180 or 183 came.
    RINGING = "ringing"
    #: 200 came.
    ANSWERED = "answered"
    #: The line holds nothing of it any more.
    ENDED = "ended"


class Step(StrEnum):
    #: 180 or 183.
    RING = "ring"
    #: 200.
    ANSWER = "answer"
    #: A final response, timeout or failure before the answer.
    FAIL = "fail"
    #: The answered call is over.
    HANG_UP = "hang_up"


# What each step leads to; a pair that is missing is a defect of the line driver.
_NEXT: Mapping[CallState, Mapping[Step, CallState]] = {
    CallState.INVITED: {Step.RING: CallState.RINGING, Step.ANSWER: CallState.ANSWERED, Step.FAIL: CallState.ENDED},
    CallState.RINGING: {Step.RING: CallState.RINGING, Step.ANSWER: CallState.ANSWERED, Step.FAIL: CallState.ENDED},
    CallState.ANSWERED: {Step.HANG_UP: CallState.ENDED},
    CallState.ENDED: {},
}


class CallRecord:
    def __init__(self, request: CallRequest, boot_id: str) -> None:
        self.request = request
        self.state = CallState.INVITED
        self.disposition: Disposition | None = None
        self.sip_status: int | None = None
        self.dialog: DialogResult | None = None
        self.exit: Mapping[str, Any] = {}
        self.answered_by = ""
        self.sound = ""
        self._boot_id = boot_id
        #: By which it goes.
        self.trunk = request.trunk
        self._faults: list[TrunkFault] = []
        self._reason = ""
        self._release = UNSAID
        self._provisional = False
        self._moments: dict[str, str] = {}
        self._keys: list[str] = []
        self._masked: set[int] = set()
        self._mask_from: int | None = None
        self._rtp = RtpStats()
        self._trace: list[Mapping[str, str]] = []

    @property
    def keys(self) -> int:
        """How many were pressed."""
        return len(self._keys)

    def invite(self, at: datetime) -> None:
        self._moments["invite"] = isoformat(at)

    def ring(self, at: datetime) -> None:
        self._step(Step.RING)
        self._provisional = True
        self._moments.setdefault("ringing", isoformat(at))

    def answer(self, at: datetime) -> None:
        self._step(Step.ANSWER)
        self._moments["answered"] = isoformat(at)
        self.disposition, self.sip_status, self._reason = Disposition.ANSWERED, 200, "OK"

    def fail(self, event: Failed, at: datetime) -> None:
        self._step(Step.FAIL)
        self.disposition, self.sip_status, self._reason = event.disposition, event.sip_status, event.reason
        self._provisional = self._provisional or event.provisional
        self._release = event.release
        self._moments["ended"] = isoformat(at)

    def trunk_failed(self, event: TrunkFailed) -> None:
        self._faults.append(event.fault)
        self.trunk = event.following or self.trunk

    def hang_up(self, event: HungUp, at: datetime) -> None:
        self._step(Step.HANG_UP)
        self._rtp, self._release = event.rtp, event.release
        self._moments["ended"] = isoformat(at)

    def break_off(self, at: datetime, reason: str) -> None:
        """Nothing more will be heard of it: an answered call ends as if we had hung up, of another nobody can tell."""
        if self.state is CallState.ENDED:
            return
        if self.state is CallState.ANSWERED:
            self.dialog_over(DialogResult.SYSTEM_HANGUP, {})
        else:
            self.disposition, self._reason = Disposition.LOST, reason
        self.state = CallState.ENDED
        self._moments["ended"] = isoformat(at)

    def note(self, moment: str, at: datetime) -> None:
        """The first time of a moment of `Times`."""
        self._moments.setdefault(moment, isoformat(at))

    def forget(self, moment: str) -> None:
        """What was noted was another's."""
        self._moments.pop(moment, None)

    def press(self, key: str) -> None:
        if self._mask_from is not None and len(self._keys) >= self._mask_from:
            self._masked.add(len(self._keys))
        self._keys.append(key)

    def mask(self, on: bool, first: int) -> None:
        """Keys from number `first` on are private (or no longer); those on their way meanwhile stay masked."""
        if on:
            self._mask_from = first
            self._masked.update(range(max(0, first), len(self._keys)))
        else:
            self._mask_from = None

    def dialog_over(self, result: DialogResult, values: Mapping[str, Any]) -> None:
        """Only the first result counts."""
        if self.dialog is None:
            self.dialog = result
        if values:
            self.exit = values

    def begin_anew(self) -> None:
        """Another session of the application follows: its result counts."""
        self.dialog, self.exit = None, {}

    def trace(self, kind: str, text: str, at: datetime) -> None:
        if len(self._trace) < _TRACE_LINES:
            self._trace.append({"at": isoformat(at), "kind": kind, "text": text})

    def status(self) -> CallStatus:
        return CallStatus(
            attempt_id=self.request.attempt_id,
            boot_id=self._boot_id,
            state=self.state.value,
            disposition=self.disposition if self.state is CallState.ENDED else None,
            sip_status=self.sip_status,
            reason=self._reason,
            q850=self._release.q850,
            release=self._release.text,
            provisional=self._provisional,
            trunk=self.trunk.name,
            faults=tuple(self._faults),
            dialog=self.dialog,
            answered_by=self.answered_by,
            sound=self.sound,
            times=Times(**self._moments),
            dtmf="".join(_MASK if number in self._masked else key for number, key in enumerate(self._keys)),
            exit=self.exit,
            rtp=self._rtp,
            trace=tuple(self._trace),
        )

    def _step(self, step: Step) -> None:
        following = _NEXT[self.state].get(step)
        if following is None:
            raise ContractError(f"line event {step.value} for a call that is {self.state.value}")
        self.state = following
