"""What a media server tells Prometheus; and that the how-to names exactly that."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from common.control import CallStatus, DialogResult, Disposition, RtpStats, Times, TrunkFault
from mediaserver import wire
from mediaserver.metrics import OTHER, TRUNKS, Metrics
from mediaserver.switch.lateness import BOUNDS, Lateness, PumpTotals
from mediaserver.switch.watch import Watch
from tests.support.sources import ROOT

HOW_TO = ROOT / "docs/how-to/watch-a-media-server.md"


class Pool:
    size, sessions, killed, dialogs_lost = 3, 40, 1, 12
    caches = wire.Lookups(clips_found=9, clips_missed=1, pages_found=5, pages_missed=2)


class Board:
    """Parts with figures that are known."""

    admission, pool = SimpleNamespace(max_calls=50, draining=False), Pool()
    roster = SimpleNamespace(states=Counter(ringing=2, answered=7))
    lines: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        late = Lateness()
        late.note(0.0004, 90)
        late.note(0.015, 10)
        totals = PumpTotals(late, sent=100, unsent=2, received=95, strange=3, unheard=1, given_up=0.4)
        self.watch = Watch([lambda: totals, lambda: totals])


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    board: Any = Board()
    made.observe(board)
    return made


async def scraped(metrics: Metrics) -> bytes:
    """On an event loop, whose tasks are counted."""
    return metrics.text()


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """By name without its prefix and the values of its labels, which are in order of their names."""
    found = {}
    for family in parse(asyncio.run(scraped(metrics)).decode()):
        for sample in family.samples:
            found[sample.name.removeprefix("clarion_mediaserver_"), *sample.labels.values()] = sample.value
    return found


def ended(disposition: Disposition, sip_status: int | None, **more: Any) -> CallStatus:
    return CallStatus("a", "b", "ended", disposition, sip_status, **more)


def test_calls_are_counted_by_trunk_disposition_and_status(metrics: Metrics) -> None:
    for status in (200, 200, 486):
        metrics.placed("sip.example")
        disposition = Disposition.ANSWERED if status == 200 else Disposition.REFUSED
        dialog = DialogResult.COMPLETED if status == 200 else None
        metrics.ended("sip.example", ended(disposition, status, dialog=dialog))
    metrics.refused("overloaded")
    told = samples(metrics)
    assert told["calls_placed_total", "sip.example"] == 3
    assert told["calls_ended_total", "answered", "200", "sip.example"] == 2
    assert told["calls_ended_total", "refused", "486", "sip.example"] == 1
    assert told["dialogs_ended_total", "completed"] == 2
    assert told["calls_refused_total", "overloaded"] == 1


def test_who_answered_is_counted_with_the_time_it_took_to_tell(metrics: Metrics) -> None:
    times = Times(answered="2026-01-05T12:00:00.000Z", classified="2026-01-05T12:00:01.700Z")
    metrics.ended("t", ended(Disposition.ANSWERED, 200, answered_by="machine", sound="beep", times=times))
    metrics.ended("t", ended(Disposition.ANSWERED, 200, answered_by="human", times=times))
    metrics.ended("t", ended(Disposition.CANCELLED, 487, sound="busy"))
    metrics.ended("t", ended(Disposition.ANSWERED, 200))
    told = samples(metrics)
    assert told["answers_total", "machine", "beep"] == 1
    assert told["answers_total", "human", ""] == 1
    assert told["answers_total", "nobody", "busy"] == 1
    assert told["decision_seconds_count", "human"] == 1
    assert told["decision_seconds_bucket", "human", "1.5"] == 0
    assert told["decision_seconds_bucket", "human", "2.0"] == 1


def test_transfers_and_faults_of_trunks_are_counted(metrics: Metrics) -> None:
    metrics.transferred("busy")
    faults = (TrunkFault("1", "", down=True), TrunkFault("2", "", retry_after=9), TrunkFault("3", "503"))
    metrics.ended("t", ended(Disposition.REFUSED, 503, faults=faults))
    told = samples(metrics)
    assert told["transfers_total", "busy"] == 1
    assert [told["trunk_faults_total", kind] for kind in ("down", "resting", "unwilling")] == [1, 1, 1]


def test_utterances_are_counted_with_the_time_they_took(metrics: Metrics) -> None:
    metrics.recognized("words", 0.3)
    metrics.recognized("failed", 7.0)
    told = samples(metrics)
    assert told["recognition_seconds_count", "words"] == told["recognition_seconds_count", "failed"] == 1
    assert told["recognition_seconds_bucket", "0.2", "words"] == 0
    assert told["recognition_seconds_bucket", "0.5", "words"] == 1


def test_labels_stay_few_whatever_trunks_are_asked_for(metrics: Metrics) -> None:
    for number in range(3 * TRUNKS):
        metrics.placed(f"trunk{number}.example")
        metrics.ended(f"trunk{number}.example", ended(Disposition.REFUSED, 100_000 + number))
    hosts = {labels[1] for labels in samples(metrics) if labels[0] == "calls_placed_total"}
    assert len(hosts) == TRUNKS + 1
    assert OTHER in hosts
    assert {labels[2] for labels in samples(metrics) if labels[0] == "calls_ended_total"} == {""}


def test_media_is_judged_at_the_end_of_each_call_both_ways(metrics: Metrics) -> None:
    rtp = RtpStats(sent=1000, received=980, lost=20, jitter_ms=4.0, remote_lost=100, remote_jitter_ms=30.0)
    metrics.ended("t", ended(Disposition.ANSWERED, 200, rtp=rtp))
    metrics.ended("t", ended(Disposition.REFUSED, 486))
    told = samples(metrics)
    assert told["call_loss_ratio_sum", "received"] == pytest.approx(0.02)
    assert told["call_loss_ratio_sum", "sent"] == pytest.approx(0.1)
    assert told["call_jitter_seconds_sum", "received"] == pytest.approx(0.004)
    assert told["call_jitter_seconds_sum", "sent"] == pytest.approx(0.03)
    assert told["call_jitter_seconds_count", "received"] == 1


def test_the_parts_are_read_at_every_scrape(metrics: Metrics) -> None:
    told = samples(metrics)
    assert told["calls", "answered"] == 7
    assert told["rtp_packets_total", "sent"] == 200
    assert told["rtp_packets_dropped_total", "strange"] == 6
    assert told["rtp_given_up_seconds_total",] == pytest.approx(0.8)
    assert told["rtp_lateness_seconds_bucket", "0.001"] == 180
    assert told["rtp_lateness_seconds_bucket", "0.02"] == told["rtp_lateness_seconds_count",] == 200
    assert told["admission", "open"] == 1
    assert told["clip_lookups_total", "hit"] == 9
    assert told["dialogs_lost_total",] == 12


def test_lateness_is_counted_up_to_and_beyond_each_bound() -> None:
    late = Lateness()
    for bound in BOUNDS:
        late.note(bound)
    late.note(5.0, times=2)
    assert late.counts == [1] * len(BOUNDS) + [2]
    assert late.share_beyond(0.2) == 0.2
    assert late.since(late).total == 0
    assert Lateness().share_beyond(0.01) == 0


def test_the_how_to_names_every_metric_and_no_other(metrics: Metrics) -> None:
    families = {family.name for family in parse(asyncio.run(scraped(metrics)).decode())}
    ours = {name for name in families if not name.startswith("clarion_mediaserver_process_")}
    told = set(re.findall(r"^\| `(clarion_mediaserver_\w+)`", HOW_TO.read_text(), re.MULTILINE))
    assert {name.removesuffix("_total") for name in told} == ours
