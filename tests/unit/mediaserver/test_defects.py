"""What nobody foresaw ends one call, with an outcome, and stands in no other's way."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from common.control import CallStatus, Disposition, RtpStats, Trunk
from mediaserver import attempt_index, wire
from mediaserver import journal as journals
from mediaserver.control import ControlApi
from mediaserver.dialog import worker as workers
from mediaserver.dialog.speech import ToneSynthesizer
from mediaserver.journal import Journal
from mediaserver.lines import base
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.asterisk_client import AriClient
from mediaserver.lines.pyvoip import PyVoipLine
from mediaserver.switch import overdue, sidecar
from mediaserver.switch import workers as pools
from mediaserver.switch.nursery import Child
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from mediaserver.switch.sidecar import Sidecar
from mediaserver.switch.sip.endpoint import SipEndpoint
from mediaserver.switch.workers import WorkerKey, WorkerPool
from tests.support.switchboard import Bench
from tests.unit.mediaserver.test_rehearsal import GREET
from tests.unit.mediaserver.test_rehearsal import Bench as Rehearsal

pytestmark = pytest.mark.asyncio
UNUSED: Any = None
BUSY = base.Failed("a1", Disposition.REFUSED, 486, "Busy here", False)


def defect(*_: object, **__: object) -> Any:
    raise ZeroDivisionError("a defect")


def no_descriptor(*_: object, **__: object) -> Any:
    raise OSError(24, "Too many open files")


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def ended(bench: Bench) -> CallStatus:
    """The call's outcome, told to who listens; nothing is left of it."""
    async with asyncio.timeout(30):
        while b'"ended"' not in b"".join(bench.board.events.after(0)[1]):
            await asyncio.sleep(0.001)
    assert bench.board.calls == 0
    return bench.status()


# --- the journal


async def test_a_disk_without_room_for_the_index_is_told_to_whoever_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(attempt_index, "_opened", full)
    journal = Journal(tmp_path)
    journal.open(journals.datetime.now(journals.UTC))
    async with asyncio.timeout(30):
        await journal.begin("a1", "b", "now")
        with pytest.raises(OSError, match="disk is full"):
            await journal.end(CallStatus("a1", "b", "ended", Disposition.REFUSED, 486))
        await journal.begin("a2", "b", "now")
        await journal.close()
    assert [file.suffix for file in tmp_path.iterdir()] == [".jsonl"]  # noqa: ASYNC240 - a directory of a test


async def test_no_writer_waits_for_a_journal_that_met_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.open(journals.datetime.now(journals.UTC))
    monkeypatch.setattr(journals, "_write", defect)
    async with asyncio.timeout(30):
        with pytest.raises(OSError, match="a defect"):
            await journal.begin("a1", "b", "now")
        monkeypatch.undo()
        await journal.begin("a1", "b", "now")
    await journal.close()


# --- calls of the switchboard


async def test_a_call_that_cannot_be_handed_to_its_line_is_over_and_not_dialled_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.line, "place", defect)
    status, new = await bench.place()
    assert (status.state, status.disposition, new) == ("ended", Disposition.LOST, True)
    await ended(bench)
    monkeypatch.undo()
    assert (await bench.place())[1] is False
    assert ("place", "a1") not in bench.line.asked


async def test_a_call_that_gets_no_session_leaves_no_trace_of_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.board.sessions, "begin", defect)
    with pytest.raises(ZeroDivisionError):
        await bench.place()
    assert bench.board.calls == 0
    assert bench.board.status("a1") is None


async def test_the_last_word_of_a_line_ends_its_call_whatever_fails_on_the_way(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.place()
    monkeypatch.setattr(bench.board.sessions, "abandon", defect)
    monkeypatch.setattr(bench.board.bridges, "failed", defect)
    bench.line.say(BUSY)
    status = await ended(bench)
    assert (status.disposition, status.sip_status) == (Disposition.REFUSED, 486)


async def test_a_hang_up_that_meets_a_defect_keeps_what_is_known_of_the_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.answered()
    monkeypatch.setattr(bench.board.recordings, "end", defect)
    bench.line.say(base.HungUp("a1", True, RtpStats(sent=9)))
    status = await ended(bench)
    assert (status.disposition, status.rtp.sent) == (Disposition.ANSWERED, 9)


async def test_a_call_whose_news_meets_a_defect_is_hung_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.place()
    monkeypatch.setattr(bench.board.referrals, "tell", defect)
    bench.line.say(base.Ringing("a1", 180))
    assert ("hang_up", "a1") in bench.line.asked
    bench.line.say(base.Failed("a1", Disposition.CANCELLED, 487, "", True))
    assert (await ended(bench)).disposition is Disposition.CANCELLED


@pytest.mark.parametrize("answered", [False, True])
async def test_a_call_that_its_line_forgets_is_ended_and_then_given_up(
    answered: bool, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "PLACING", 0.0)
    monkeypatch.setattr(overdue, "ENDING", 0.0)
    if answered:
        await bench.answered(max_duration=0.001)
    else:
        await bench.place(ring_timeout=0.001)
    status = await ended(bench)
    assert ("hang_up", "a1") in bench.line.asked
    assert status.disposition is (Disposition.ANSWERED if answered else Disposition.LOST)
    bench.line.say(BUSY)
    assert bench.status() == status


async def test_a_call_that_is_told_to_end_and_does_not_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "ENDING", 0.0)
    await bench.place()
    bench.board.hang_up("a1")
    assert (await ended(bench)).disposition is Disposition.LOST


async def test_an_outcome_that_the_journal_cannot_take_is_told_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.place()
    monkeypatch.setattr(journals.Journal, "end", defect)
    bench.line.say(BUSY)
    assert (await ended(bench)).sip_status == 486


async def test_a_queue_whose_clips_cannot_be_read_is_over_for_its_script(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.answered()
    monkeypatch.setattr(bench.board.sessions.player._shelf, "_read", defect)
    bench.dialog(wire.PlayClips("a1", 1, (wire.Clip(file="x.ulaw"),), False, 0))
    await bench.board._tasks.ended()
    await turns()
    assert wire.PlayEnded("a1", 1, False, 0) in bench.pool.worker.told


# --- the user agent


class Agent:
    """Whose messages and timers fail; one event waits."""

    def __init__(self) -> None:
        self.waiting = ["first", "second"]

    receive = transport_failed = handle_timer = defect

    def datagrams(self) -> list[tuple[bytes, Any]]:
        return [(b"INVITE", "address")] if self.waiting else []

    def events(self) -> list[str]:
        found, self.waiting = self.waiting, []
        return found

    def calls(self) -> tuple[str, ...]:
        return ("a1",)

    def next_timer(self) -> float:
        return 0.0


async def test_a_defect_of_the_user_agent_stops_neither_its_clock_nor_the_events_of_other_calls() -> None:
    endpoint, told = SipEndpoint(), list[str]()

    def sink(event: Any) -> None:
        told.append(event)

    parts: Any = SimpleNamespace(agent=Agent(), transport=SimpleNamespace(send=defect))
    endpoint._agent, endpoint._transport, endpoint._sink = parts.agent, parts.transport, sink
    placer: Any = SimpleNamespace(heard=lambda event: defect() if event == "first" else True)
    endpoint._placer = placer
    endpoint._receive(b"garbage", UNUSED)
    begun = asyncio.get_running_loop().time()
    endpoint._on_timer()
    assert told == ["first", "second"]
    assert endpoint._timer is not None
    # It is due all the time, and yet not asked without a pause.
    assert endpoint._timer.when() > begun + 0.1
    endpoint._timer.cancel()


async def test_the_clock_of_the_audio_goes_on_after_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    pump = Pump("127.0.0.1", PortAllocator(None), lambda: 0.0)
    pump._loop = asyncio.get_running_loop()
    stream: Any = SimpleNamespace(media=UNUSED)
    pump._slots[0].append(stream)
    monkeypatch.setattr(pump, "_send_slot", defect)
    with pytest.raises(ZeroDivisionError):
        pump._send_due()
    assert pump._timer is not None
    pump._timer.cancel()


# --- the processes beside it


class Dialogs:
    """Who hears of lost dialogs, and fails over the first."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def dialog_said(self, *_: object) -> None:
        """Never."""

    def dialog_lost(self, call: str, _why: str) -> None:
        self.lost.append(call)
        if len(self.lost) == 1:
            defect()


class Barren:
    def __init__(self) -> None:
        self.asked = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def fork(self, _peer: socket.socket) -> Child:
        self.asked += 1
        return Child(*no_descriptor())

    async def close(self) -> None:
        """Nothing to end."""


async def test_calls_hear_of_it_where_no_worker_can_be_had_for_want_of_descriptors() -> None:
    breeder, dialogs = Barren(), Dialogs()
    pool = WorkerPool(breeder, most=2, spares=0)
    pool._sink = dialogs
    worker = pool.begin(WorkerKey("red", "1"), "one")
    assert pool.begin(WorkerKey("red", "1"), "two") is worker
    async with asyncio.timeout(30):
        while pool.size:
            await asyncio.sleep(0)
    assert sorted(dialogs.lost) == ["one", "two"]
    assert pool.has_room(WorkerKey("red", "1"))
    await pool.close()


async def test_spares_are_not_tried_again_and_again_where_none_comes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, breeder = [0.0], Barren()
    pool = WorkerPool(breeder, most=2, spares=1, clock=lambda: now[0])
    monkeypatch.setattr(pools, "_LOOK", 0.0)
    pool._keep_spares()
    await turns()
    pool._keep_spares()
    await turns()
    assert breeder.asked == 1
    now[0] += 2
    pool._keep_spares()
    await turns()
    assert breeder.asked == 2
    await pool.close()


async def test_a_process_that_cannot_be_started_is_tried_again_for_the_next_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[int] = []
    owner: Any = SimpleNamespace(lost=lambda: lost.append(1), said=defect)
    beside = Sidecar("mediaserver.scribe", owner)
    monkeypatch.setattr(sidecar, "socket", SimpleNamespace(socketpair=no_descriptor))
    for tries in 1, 2:
        beside.send(b"frame")
        await turns()
        assert len(lost) == tries
        assert beside._backlog == []
    await beside.close()


# --- the control API


async def test_a_socket_that_can_tell_no_events_is_closed() -> None:
    async def wait(_seq: int) -> None:
        """There is one."""

    closed: list[int] = []

    async def close(code: int) -> None:
        closed.append(code)

    board: Any = SimpleNamespace(events=SimpleNamespace(wait=wait, after=defect))
    peer: Any = SimpleNamespace(close=close)
    await ControlApi(board, "token")._send_events(peer, 0)
    assert closed == [1011]


# --- dialogs


async def test_a_page_that_cannot_be_fetched_by_a_defect_ends_the_dialog(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, GREET)
    fetcher: Any = rehearsal.pages
    fetcher.fetch = defect
    rehearsal.dialog.start()
    rehearsal.dialog.answered()
    over = await rehearsal.until(wire.DialogOver)
    assert (over.reason, rehearsal.ended) == ("error", ["c"])


async def test_a_prompt_that_the_disk_has_no_room_for_leaves_no_caller_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal = Rehearsal(tmp_path, GREET)
    monkeypatch.setattr(rehearsal.dialog._renderer._store, "put", no_descriptor)
    rehearsal.dialog.start()
    rehearsal.dialog.answered()
    play = await rehearsal.until(wire.PlayClips)
    assert play.clips == ()
    rehearsal.dialog.close()


async def test_a_session_that_cannot_begin_takes_no_other_dialog_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, decoder = list[Any](), wire.Decoder()
    writer: Any = SimpleNamespace(is_closing=lambda: False, write=lambda frame: said.extend(decoder.feed(frame)))
    worker = workers.Worker(workers.WorkerConfig(str(tmp_path)), writer, ToneSynthesizer())
    monkeypatch.setattr(workers, "_session", defect)
    worker.take(wire.StartDialog("a1", "http://x/", {}, "+1", "+2", "o", "r", ()))
    assert said == [wire.DialogOver("a1", "error", {}, "defect: ZeroDivisionError")]
    await worker.close()


# --- other lines


class Socket:
    closed = False

    def __init__(self, *texts: str) -> None:
        self._texts = iter(texts)

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> Any:
        for text in self._texts:
            return SimpleNamespace(type=aiohttp.WSMsgType.TEXT, data=text)
        raise StopAsyncIteration


async def test_asterisk_is_heard_on_after_an_event_that_met_a_defect() -> None:
    heard: list[Any] = []
    user: Any = SimpleNamespace(heard=lambda event: heard.append(event["type"]))
    client = AriClient(AriAccess("http://127.0.0.1:1/ari", "u", "p", "app"), user)
    peer: Any = Socket('{"no": "type"}', '["not an object"]', '{"type": "Dial"}')
    client._socket = peer
    await client._hear()
    assert heard == ["Dial"]


async def test_an_order_to_asterisk_is_always_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[int] = []
    user: Any = SimpleNamespace(answered=lambda _order, status, _body: answers.append(status))
    client = AriClient(AriAccess("http://127.0.0.1:1/ari", "u", "p", "app"), user)
    monkeypatch.setattr(client, "_ask", defect)
    order: Any = SimpleNamespace(method="POST", path="/", query={}, body=None)
    client.send(order)
    await client._requests.ended()
    assert answers == [0]


@pytest.mark.parametrize("error", [UnicodeError("label too long"), RuntimeError("a defect")])
async def test_the_pyvoip_line_ends_a_call_whose_trunk_nobody_finds(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(*_: object, **__: object) -> Any:
        raise error

    told: list[base.LineEvent] = []
    line = PyVoipLine("127.0.0.1")
    await line.start(told.append)
    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", found)
    line.place(base.Place("a1", "+15550101234", "+15550100000", "", Trunk("trunk.example"), 30.0))
    await line._tasks.ended()
    await turns()
    assert [(type(event), event.call) for event in told] == [(base.Failed, "a1")]
    assert line._resolving == {}
    await line.close()
