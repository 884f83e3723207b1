"""Ports, events, call records, wire frames, clips: the switch's small parts."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.control import CallRequest, DialogResult, Disposition, EventType, RtpStats, Trunk
from common.errors import ContractError, Refused
from common.setting_types import PortRange
from mediaserver import wire
from mediaserver.clipstore import ClipStore
from mediaserver.events import EventLog
from mediaserver.lines.base import Failed, HungUp
from mediaserver.switch.clips import ClipShelf
from mediaserver.switch.ports import NoPorts, PortAllocator
from mediaserver.switch.record import CallRecord, CallState
from mediaserver.switch.sip.release import Release

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def request(**changes: object) -> CallRequest:
    values: dict[str, object] = {
        "attempt_id": "a1",
        "to": "+15550101234",
        "sender": "+15550100000",
        "trunk": Trunk("127.0.0.1"),
        **changes,
    }
    return CallRequest(**values)


def test_ports_are_even_and_rest_before_they_are_used_again() -> None:
    ports = PortAllocator(PortRange(20001, 20006), quarantine=10)
    first, second = ports.take(0.0), ports.take(0.0)
    assert {first, second} == {20002, 20004}
    with pytest.raises(NoPorts):
        ports.take(0.0)
    ports.give_back(first, 5.0)
    with pytest.raises(NoPorts):
        ports.take(14.9)
    assert ports.take(15.0) == first


@pytest.mark.parametrize("ptime", [0, 15, 70, "20", True])
def test_a_packet_length_we_cannot_ask_for_is_refused_by_name(ptime: object) -> None:
    with pytest.raises(Refused, match="ptime"):
        Trunk("127.0.0.1", ptime=ptime)


@given(st.lists(st.booleans(), max_size=60))
def test_a_port_is_never_lent_twice(steps: list[bool]) -> None:
    ports, lent, now = PortAllocator(PortRange(20000, 20019), quarantine=3), list[int](), 0.0
    for take in steps:
        now += 1
        if take:
            try:
                port = ports.take(now)
            except NoPorts:
                continue
            assert port not in lent
            lent.append(port)
        elif lent:
            ports.give_back(lent.pop(0), now)
    assert ports.in_use == len(lent)


def test_events_are_replayed_from_any_number() -> None:
    log = EventLog("boot", keep=3)
    for number in range(5):
        log.add(EventType.INVITED, f"a{number}")
    assert [orjson.loads(event)["attempt_id"] for event in log.after(0)[1]] == ["a2", "a3", "a4"]
    assert [orjson.loads(event)["seq"] for event in log.after(4)[1]] == [5]
    assert log.after(5) == (5, [])
    assert log.after(99)[0] == 5


def test_long_events_are_kept_by_their_size() -> None:
    log = EventLog("boot", keep_bytes=5000)
    for number in range(5):
        log.add(EventType.INVITED, f"a{number}", detail={"long": random.Random(number).randbytes(1000).hex()})
    assert [orjson.loads(event)["attempt_id"] for event in log.after(0)[1]] == ["a2", "a3", "a4"]
    log.add(EventType.INVITED, "longer than all", detail={"long": random.Random(9).randbytes(6000).hex()})
    assert [orjson.loads(event)["attempt_id"] for event in log.after(0)[1]] == ["longer than all"]


@pytest.mark.asyncio
async def test_a_listener_wakes_for_the_next_event() -> None:
    log = EventLog("boot")
    waiting = asyncio.create_task(log.wait(0))
    await asyncio.sleep(0)
    log.add(EventType.INVITED, "a")
    await asyncio.wait_for(waiting, 30)


def test_a_record_tells_the_whole_call() -> None:
    record = CallRecord(request(), "boot")
    record.invite(NOW)
    record.ring(NOW)
    record.answer(NOW)
    record.press("1")
    record.dialog_over(DialogResult.COMPLETED, {"x": 1})
    record.hang_up(HungUp("a", True, RtpStats(sent=5), Release(16, "Q.850 16")), NOW)
    record.dialog_over(DialogResult.CALLER_HANGUP, {})
    status = record.status()
    assert (status.state, status.disposition, status.sip_status) == ("ended", Disposition.ANSWERED, 200)
    assert (status.dialog, status.dtmf, status.exit, status.rtp.sent) == (DialogResult.COMPLETED, "1", {"x": 1}, 5)
    assert (status.q850, status.release) == (16, "Q.850 16")
    assert status.times.answered == "2026-01-05T12:00:00.000Z"


def test_a_record_refuses_what_cannot_follow() -> None:
    record = CallRecord(request(), "boot")
    record.fail(Failed("a", Disposition.REFUSED, 486, "Busy Here", provisional=False), NOW)
    assert record.state is CallState.ENDED
    with pytest.raises(ContractError):
        record.answer(NOW)


def test_private_keys_are_masked_also_those_typed_ahead() -> None:
    record = CallRecord(request(), "boot")
    for key in "142":
        record.press(key)
    record.mask(True, 1)
    for key in "42":
        record.press(key)
    record.mask(False, 5)
    record.press("#")
    assert record.status().dtmf == "1••••#"


def test_the_trace_is_bounded() -> None:
    record = CallRecord(request(), "boot")
    for _ in range(1000):
        record.trace("vxml", "log", NOW)
    assert len(record.status().trace) == 300


MESSAGES = [
    wire.StartDialog("a", "http://x/", {"n": "ä"}, "r", "l", "o", "v", ("http://x",), ("https://y",)),
    wire.PlayClips("a", 1, (wire.Clip(file="f"), wire.Clip(silence_ms=9), wire.Clip(inline="i")), True, 2),
    wire.KeyPressed("a", "#"),
    wire.DialogOver("a", "exit", {"code": "1", "deep": {"x": [1]}}, ""),
    wire.Beat(),
]


@given(st.integers(1, 7), st.binary(max_size=300))
def test_messages_cross_the_wire_in_any_pieces(size: int, audio: bytes) -> None:
    frames = b"".join(wire.encode(message) for message in MESSAGES)
    frames += wire.encode_clip("key", audio) + wire.encode_heard("a", audio)
    decoder, got = wire.Decoder(), []
    for start in range(0, len(frames), size):
        got += list(decoder.feed(frames[start : start + size]))
    assert got[: len(MESSAGES)] == MESSAGES
    assert got[len(MESSAGES) :] == [wire.Audio("key", audio), wire.Audio("a", audio)]


@given(st.binary(min_size=1, max_size=100))
def test_what_is_no_message_is_refused(body: bytes) -> None:
    frame = len(body).to_bytes(4) + body
    try:
        list(wire.Decoder().feed(frame))
    except wire.WireError:
        return
    assert body[:1] in (b"A", b"C", b"J")


def test_a_frame_too_large_is_refused_before_it_arrives() -> None:
    with pytest.raises(wire.WireError):
        list(wire.Decoder().feed((wire.MAX_FRAME + 1).to_bytes(4)))


def test_private_audio_is_not_shown_by_repr() -> None:
    assert "4111" not in repr(wire.Audio("k", b"4111"))


@pytest.mark.asyncio
async def test_clips_are_read_only_below_their_directory(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    store = ClipStore(tmp_path / "clips")
    file = store.put("ab" * 32, b"\x10" * 10)
    shelf = ClipShelf(tmp_path / "clips")
    clips = (wire.Clip(file=file), wire.Clip(file=str(secret)), wire.Clip(silence_ms=1), wire.Clip(inline="p"))
    assert shelf.at_hand(clips, {}) is None
    await shelf.load(clips)
    assert shelf.at_hand(clips, {"p": b"\x20"}) == (b"\x10" * 10, b"", b"\xff" * 8, b"\x20")


def test_pruning_takes_the_least_recently_used(tmp_path: Path) -> None:
    import os

    store = ClipStore(tmp_path)
    for number in range(4):
        path = store.put(f"{number:064d}", bytes(100))
        os.utime(path, (number, number))
    assert store.find(f"{0:064d}") is not None
    assert store.prune(200) == 2
    assert [store.find(f"{number:064d}") is not None for number in range(4)] == [True, False, False, True]
