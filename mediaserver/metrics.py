"""What Prometheus gets from a media server: counted as calls come and go, and read off its parts at every scrape.

Labels are bounded: states and dispositions are few, SIP statuses are three digits, and of trunks' hosts the first
TRUNKS have a name of their own here, whatever engines ask for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from common.control import CallStatus, Disposition, RtpStats
from common.tasks import failures
from mediaserver.lines.base import Line
from mediaserver.switch.admission import Admission
from mediaserver.switch.holdings import holdings
from mediaserver.switch.lateness import BOUNDS, Lateness, PumpTotals
from mediaserver.switch.loadgate import GateState
from mediaserver.switch.roster import Roster
from mediaserver.switch.watch import Watch
from mediaserver.switch.workers import WorkerPool

TRUNKS: Final = 64
OTHER: Final = "other"
_PREFIX = "clarion_mediaserver_"
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
_DECISION = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0)
_RECOGNITION = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_LOSS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3)


class Facts(Protocol):
    """What a scrape asks of the switchboard."""

    admission: Admission
    lines: Mapping[str, Line]
    roster: Roster
    pool: WorkerPool
    watch: Watch


class Metrics:
    """Of one media server; every one has its own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._trunks: set[str] = set()
        self._placed = self._counter("calls_placed", "Calls admitted.", "trunk")
        self._ended = self._counter("calls_ended", "Calls that are over.", "trunk", "disposition", "sip_status")
        self._dialogs = self._counter("dialogs_ended", "Conversations by how they ended.", "result")
        self._refused = self._counter("calls_refused", "Calls not admitted.", "reason")
        self._jitter = self._histogram("call_jitter_seconds", "Jitter of a call at its end (RFC 3550).", _JITTER)
        self._loss = self._histogram("call_loss_ratio", "Share of a call's packets that were lost, at its end.", _LOSS)
        self._answers = self._counter("answers", "Calls of which it was decided who answers.", "answered_by", "sound")
        self._decisions = self._histogram(
            "decision_seconds", "From the answer to that decision.", _DECISION, "answered_by"
        )
        self._transfers = self._counter("transfers", "Transfers that scripts asked for.", "outcome")
        self._recognitions = self._histogram(
            "recognition_seconds", "An utterance with the speech recogniser, waiting included.", _RECOGNITION, "outcome"
        )
        self._faults = self._counter("trunk_faults", "Times that a trunk did not take a call.", "trunk_is")
        self._frozen = Gauge(
            f"{_PREFIX}gc_frozen_objects", "Objects that the garbage collector passes over.", registry=self._registry
        )
        ProcessCollector(namespace="clarion_mediaserver", registry=self._registry)

    def observe(self, facts: Facts) -> None:
        """Tell of its parts at every scrape from now on."""
        self._registry.register(_Scrape(facts))

    def set_aside(self, objects: int) -> None:
        """So many are out of the garbage collector's sight; counting them takes too long for every scrape."""
        self._frozen.set(objects)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def placed(self, trunk: str) -> None:
        self._placed.labels(self._trunk(trunk)).inc()

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def ended(self, trunk: str, status: CallStatus) -> None:
        disposition = (status.disposition or Disposition.LOST).value
        self._ended.labels(self._trunk(trunk), disposition, _sip(status.sip_status)).inc()
        if status.dialog is not None:
            self._dialogs.labels(status.dialog.value).inc()
        for fault in status.faults:
            self._faults.labels("down" if fault.down else "resting" if fault.retry_after else "unwilling").inc()
        self._answer(status)
        self._media(status.rtp)

    def transferred(self, outcome: str) -> None:
        self._transfers.labels(outcome).inc()

    def recognized(self, outcome: str, seconds: float) -> None:
        self._recognitions.labels(outcome).observe(seconds)

    def _answer(self, status: CallStatus) -> None:
        if not status.answered_by and not status.sound:
            return
        # A tone may tell while it rings: then nobody has answered.
        self._answers.labels(status.answered_by or "nobody", status.sound).inc()
        answered, classified = status.times.answered, status.times.classified
        if answered and classified:
            took = datetime.fromisoformat(classified) - datetime.fromisoformat(answered)
            self._decisions.labels(status.answered_by).observe(max(0.0, took.total_seconds()))

    def _media(self, rtp: RtpStats) -> None:
        if rtp.received:
            self._jitter.labels("received").observe(rtp.jitter_ms / 1000)
            self._loss.labels("received").observe(rtp.lost / (rtp.received + rtp.lost))
        if rtp.sent and rtp.remote_lost is not None:
            self._jitter.labels("sent").observe((rtp.remote_jitter_ms or 0.0) / 1000)
            self._loss.labels("sent").observe(min(1.0, max(0, rtp.remote_lost) / rtp.sent))

    def _trunk(self, host: str) -> str:
        if host not in self._trunks:
            if len(self._trunks) >= TRUNKS:
                return OTHER
            self._trunks.add(host)
        return host

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, words, labels, registry=self._registry)

    def _histogram(self, name: str, words: str, buckets: Sequence[float], label: str = "direction") -> Histogram:
        return Histogram(_PREFIX + name, words, [label], buckets=buckets, registry=self._registry)


class _Scrape:
    """Figures that its parts keep anyway."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterable[Metric]:
        facts, watch = self._facts, self._facts.watch
        yield _by("calls", "Calls under way.", "state", facts.roster.states)
        yield _gauge("capacity", "Calls that may be under way at once.", facts.admission.max_calls)
        yield _gauge("room", "Calls that its processor bears more, until the next look.", watch.gate.decision.room)
        yield _gauge("wanted_ratio", "Of the time, what the busiest thread ran or waited.", watch.seen.wanted)
        yield _gauge("draining", "1 once it takes no more calls, for good.", facts.admission.draining)
        yield _gauge("calls_per_second", "Calls admitted a second, over the last ten.", watch.calls_per_second)
        gate = {state.value: state is watch.gate.state for state in GateState}
        yield _by("admission", "1 for the state that admission is in.", "state", gate)
        yield _counted("overloads", "Times that measured load closed admission.", watch.gate.closed)
        yield _gauge("loop_busy_ratio", "Of one core, what the loop's thread uses.", watch.seen.busy)
        yield _late("loop_lateness_seconds", "How late the event loop wakes.", watch.loop_late)
        yield from _rtp(watch.pumps)
        yield from _workers(facts.pool)
        held = {"tasks": len(asyncio.all_tasks()), **holdings(facts.lines.values())}
        yield _counts("failures", "Errors that nobody foresaw; the log has each.", "work", failures)
        yield _by("held", "What calls hold; as it was before the first when the last is over.", "what", held)


def _rtp(pumps: Sequence[PumpTotals]) -> Iterable[Metric]:
    late = Lateness()
    for pump in pumps:
        late.add(pump.late)
    yield _late("rtp_lateness_seconds", "How late packets leave, by the RTP loop's clock.", late)
    packets = {"sent": sum(one.sent for one in pumps), "received": sum(one.received for one in pumps)}
    yield _counts("rtp_packets", "RTP packets.", "direction", packets)
    dropped = {
        "unsent": sum(one.unsent for one in pumps),
        "strange": sum(one.strange for one in pumps),
        "unheard": sum(one.unheard for one in pumps),
    }
    yield _counts("rtp_packets_dropped", "Packets lost inside this machine, or passed over.", "why", dropped)
    given_up = sum(one.given_up for one in pumps)
    yield _counted("rtp_given_up_seconds", "Time of all streams that came too late to be caught up.", given_up)


def _workers(pool: WorkerPool) -> Iterable[Metric]:
    yield _gauge("workers", "Dialog workers that are alive.", pool.size)
    yield _gauge("worker_sessions", "Sessions in them.", pool.sessions)
    yield _counted("workers_killed", "Dialog workers that hung or went wild.", pool.killed)
    yield _counted("dialogs_lost", "Sessions that their worker took with it.", pool.dialogs_lost)
    clips = {"hit": pool.caches.clips_found, "miss": pool.caches.clips_missed}
    yield _counts("clip_lookups", "Prompts looked for among clips spoken before.", "result", clips)
    pages = {"hit": pool.caches.pages_found, "miss": pool.caches.pages_missed}
    yield _counts("fetch_lookups", "Documents and audio looked for in workers' HTTP caches.", "result", pages)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, words, value=float(value))


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _counted(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, words, value=float(value))


def _counts(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _late(name: str, words: str, late: Lateness) -> Metric:
    bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
    buckets = list(zip(bounds, accumulate(map(float, late.counts)), strict=True))
    return HistogramMetricFamily(_PREFIX + name, words, buckets=buckets, sum_value=late.seconds)


def _sip(status: int | None) -> str:
    return str(status) if status is not None and 100 <= status <= 699 else ""
