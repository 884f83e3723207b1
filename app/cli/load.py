"""What `clarion load` does: many calls from one media server in this process, and the figures of it."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from app.cli.bench_trunk import ari_access
from app.core.completion import code_for_call
from app.core.compliance import Refused as RefusedByGate
from common.control import CallRequest, CallStatus, Disposition
from mediaserver.collector import calm
from mediaserver.local import LocalServer
from mediaserver.switch.admission import NotAdmitted
from mediaserver.switch.sip.tls import TlsFiles

_TICKS = os.sysconf("SC_CLK_TCK")
_MB = 1 << 20
#: Distinct values of `exit`, `dtmf` and `reason` that are listed.
_LISTED = 20


class Gate(Protocol):
    """What a configured trunk brings along; every method blocks."""

    @property
    def max_channels(self) -> int: ...

    def refusal(self, number: str) -> RefusedByGate | None: ...

    def heed(self, number: str, status: CallStatus) -> None: ...


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """`rate` is call starts a second."""

    requests: tuple[CallRequest, ...]
    rate: float
    allow: tuple[str, ...]
    #: This machine's address towards the trunk.
    host: str
    #: Asked about each number just before its INVITE.
    gate: Gate | None = None
    tls: TlsFiles = field(default_factory=TlsFiles)


@dataclass(slots=True)
class _Usage:
    """Processor seconds and the largest memory seen, in bytes (proportional shares, so shared pages count once)."""

    switch_cpu: float = 0.0
    workers_cpu: float = 0.0
    switch_memory: int = 0
    workers_memory: int = 0


async def measure(plan: LoadPlan) -> dict[str, Any]:
    line = plan.requests[0].trunk.line
    most = len(plan.requests) if plan.gate is None else min(len(plan.requests), plan.gate.max_channels)
    usage = _Usage()
    local = LocalServer(
        host=plan.host,
        line=line,
        allow=plan.allow,
        max_calls=most,
        tls=plan.tls,
        asterisk=ari_access(line),
    )
    async with local as server:
        calm()
        watch = asyncio.create_task(_watch(server, usage))
        began = time.monotonic()
        cpu_began = _own_cpu()
        calls = []
        for number, request in enumerate(plan.requests):
            await asyncio.sleep(max(0.0, began + number / plan.rate - time.monotonic()))
            calls.append(asyncio.create_task(_one(server, request, plan.gate)))
        ended = await asyncio.gather(*calls)
        seconds = time.monotonic() - began
        usage.switch_cpu = _own_cpu() - cpu_began
        _look(server.board.pool.pids, usage)
        watch.cancel()
    return _report(ended, plan, seconds, usage)


async def _one(server: LocalServer, request: CallRequest, gate: Gate | None) -> tuple[str, CallStatus]:
    """The completion code and the call as it ended; one that the gate refuses never leaves."""
    if gate is not None:
        refusal = await asyncio.to_thread(gate.refusal, request.to)
        if refusal is not None:
            return refusal.code, CallStatus(request.attempt_id, "", "ended", reason=refusal.detail)
    try:
        status = await server.call(request)
    except NotAdmitted as error:
        status = CallStatus(request.attempt_id, "", "ended", Disposition.NOT_ADMITTED, reason=str(error))
    if gate is not None:
        await asyncio.to_thread(gate.heed, request.to, status)
    return code_for_call(status), status


def _report(ended: Sequence[tuple[str, CallStatus]], plan: LoadPlan, seconds: float, usage: _Usage) -> dict[str, Any]:
    statuses = [status for _, status in ended]
    setups = [duration for status in statuses if (duration := _setup_ms(status)) is not None]
    return {
        "calls": len(statuses),
        "rate": plan.rate,
        "seconds": round(seconds, 3),
        "completion_code": _counted(code for code, _ in ended),
        "disposition": _counted(status.disposition for status in statuses),
        "sip_status": _counted(status.sip_status for status in statuses),
        "reason": _counted(status.reason for status in statuses),
        "dialog": _counted(status.dialog for status in statuses),
        "dtmf": _counted(status.dtmf for status in statuses),
        "exit": _counted(orjson.dumps(dict(status.exit)).decode() for status in statuses),
        "setup_ms": {name: _percentile(setups, share) for name, share in _SHARES.items()},
        "rtp": _rtp(statuses),
        "cpu": {
            "switch_percent": round(100 * usage.switch_cpu / seconds, 1),
            "workers_percent": round(100 * usage.workers_cpu / seconds, 1),
        },
        "memory_mb": {
            "switch": round(usage.switch_memory / _MB, 1),
            "workers": round(usage.workers_memory / _MB, 1),
        },
    }


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def _rtp(statuses: Sequence[CallStatus]) -> dict[str, Any]:
    talked = [status.rtp for status in statuses if status.rtp.sent]
    remote = [rtp for rtp in talked if rtp.remote_lost is not None]
    return {
        "sent": {
            "packets": sum(rtp.sent for rtp in talked),
            "loss": sum(rtp.remote_lost or 0 for rtp in remote) if remote else None,
            "jitter_ms": max((rtp.remote_jitter_ms or 0.0 for rtp in remote), default=None),
        },
        "received": {
            "packets": sum(rtp.received for rtp in talked),
            "loss": sum(rtp.lost for rtp in talked),
            "jitter_ms": max((rtp.jitter_ms for rtp in talked), default=None),
        },
    }


def _counted(values: Iterable[object]) -> dict[str, int]:
    counts = Counter("" if value is None else str(value) for value in values)
    return dict(counts.most_common(_LISTED))


def _setup_ms(status: CallStatus) -> float | None:
    if status.times.invite is None or status.times.answered is None:
        return None
    waited = datetime.fromisoformat(status.times.answered) - datetime.fromisoformat(status.times.invite)
    return waited.total_seconds() * 1000


def _percentile(values: list[float], share: float) -> float | None:
    if not values:
        return None
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 1)


# --- processor time and memory


async def _watch(server: LocalServer, usage: _Usage) -> None:
    while True:
        _look(server.board.pool.pids, usage)
        await asyncio.sleep(2)


def _look(pids: Sequence[int], usage: _Usage) -> None:
    usage.workers_cpu = max(usage.workers_cpu, sum(_cpu_of(pid) for pid in pids))
    usage.switch_memory = max(usage.switch_memory, _memory_of(os.getpid()))
    usage.workers_memory = max(usage.workers_memory, sum(_memory_of(pid) for pid in pids))


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu_of(pid: int) -> float:
    """With the children it has waited for (speech synthesis)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


def _memory_of(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
