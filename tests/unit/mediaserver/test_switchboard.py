"""The switchboard with a line and a worker pool in memory: admission, journal, dialogs, and how calls end."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from common.clock import VirtualClock
from common.control import DialogResult, Disposition, RtpStats
from common.errors import Refused
from mediaserver import wire
from mediaserver.journal import Journal
from mediaserver.lines import base
from mediaserver.switch.admission import NotAdmitted
from mediaserver.switch.switchboard import BootChanged, NotUp
from tests.support.switchboard import Bench

pytestmark = pytest.mark.asyncio


async def test_a_known_attempt_is_never_dialled_again(bench: Bench) -> None:
    first, again = await asyncio.gather(bench.place(), bench.place())
    assert (first[1], again[1]) == (True, False)
    bench.line.say(base.Failed("a1", Disposition.REFUSED, 486, "Busy Here", False))
    ended, new = await bench.place()
    assert (new, ended.sip_status, ended.disposition) == (False, 486, Disposition.REFUSED)
    assert bench.line.asked == [("place", "a1")]


async def test_the_attempt_is_on_disk_before_the_invite(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    journal = bench.directory / "journal"
    monkeypatch.setattr(
        bench.line, "place", lambda call: seen.append(any(b"a1" in f.read_bytes() for f in journal.iterdir()))
    )
    await bench.place()
    assert seen == [True]


async def test_a_restarted_server_answers_lost_and_does_not_dial(bench: Bench) -> None:
    await bench.place()
    after = Bench(bench.directory, "boot2")
    await after.board.start()
    status, new = await after.place(boot_id="boot1")
    assert (status.disposition, new, after.line.asked) == (Disposition.LOST, False, [])
    with pytest.raises(BootChanged):
        await after.place("a2", boot_id="boot1")
    await after.board.close()


async def test_full_draining_and_workerless_servers_refuse(bench: Bench) -> None:
    await bench.place("a1")
    await bench.place("a2")
    with pytest.raises(NotAdmitted):
        await bench.place("a3")
    assert bench.board.status("a3") is None
    bench.line.say(base.Failed("a2", Disposition.CANCELLED, 487, "", True))
    bench.pool.room = False
    with pytest.raises(NotAdmitted):
        await bench.place("a3")
    bench.pool.room = True
    bench.board.admission.draining = True
    with pytest.raises(NotAdmitted):
        await bench.place("a3")
    with pytest.raises(Refused):
        await bench.place("a4", line="carrier-pigeon")


async def test_an_answered_call_gets_its_dialog_and_its_result(bench: Bench) -> None:
    await bench.answered(values={"n": "x"})
    bench.line.say(base.Key("a1", "7"))
    bench.dialog(wire.DialogOver("a1", "exit", {"code": "OK"}, ""))
    assert bench.line.asked[-1] == ("hang_up", "a1")
    bench.hung_up(by_far_end=False)
    status = bench.status()
    assert (status.dialog, dict(status.exit), status.dtmf) == (DialogResult.COMPLETED, {"code": "OK"}, "7")
    assert (status.rtp.sent, bench.pool.ended, bench.board.calls) == (9, ["a1"], 0)
    assert [type(one) for one in bench.pool.worker.told] == [wire.StartDialog, wire.CallAnswered, wire.KeyPressed]


@pytest.mark.parametrize("depth", [100, 251, 252, 253])
@pytest.mark.parametrize("reason", ["exit", "error"])
async def test_exit_values_too_deep_to_report_cost_no_outcome(bench: Bench, reason: str, depth: int) -> None:
    deep: Any = "x"
    for _ in range(depth):
        deep = [deep]
    await bench.answered()
    bench.dialog(wire.DialogOver("a1", reason, {"deep": deep}, ""))
    bench.hung_up(by_far_end=False)
    await asyncio.wait_for(bench.board.events.wait(bench.board.events.last_seq), 30)
    ended = orjson.loads(bench.board.events.after(0)[1][-1])
    expected = {"deep": deep} if depth <= 251 else {}
    assert (ended["type"], ended["status"]["exit"]) == ("ended", expected)
    assert bench.status().exit == expected
    journal = Journal(bench.directory / "journal")
    journal.open(VirtualClock().utcnow())
    recorded = journal.outcome("a1")
    await journal.close()
    assert recorded is not None
    assert (recorded.disposition, recorded.exit) == (bench.status().disposition, expected)


async def test_a_hang_up_waits_for_what_the_script_still_says(bench: Bench) -> None:
    await bench.answered()
    bench.hung_up()
    assert bench.board.calls == 1
    assert bench.pool.worker.told[-1] == wire.CallOver("a1")
    bench.dialog(wire.DialogOver("a1", "hangup", {"seen": 1}, ""))
    assert (bench.status().dialog, dict(bench.status().exit)) == (DialogResult.CALLER_HANGUP, {"seen": 1})
    assert bench.board.calls == 0


async def test_the_call_ends_when_the_last_prompt_is_played(bench: Bench) -> None:
    await bench.answered()
    bench.dialog(wire.PlayClips("a1", 1, (wire.Clip(silence_ms=100),), True, 0))
    bench.dialog(wire.DialogOver("a1", "exit", {}, ""))
    assert bench.line.asked[-1] == ("play", 1, 800, True)
    bench.line.say(base.Played("a1", 1, True, 100))
    assert bench.line.asked[-1] == ("hang_up", "a1")


async def test_keys_of_a_script_are_sent_in_their_place_in_the_queue(bench: Bench) -> None:
    await bench.answered()
    clips = (wire.Clip(silence_ms=100), wire.Clip(keys="12#"), wire.Clip(silence_ms=50), wire.Clip(keys="4"))
    bench.dialog(wire.PlayClips("a1", 1, clips, False, 0))
    assert bench.line.asked[-1] == ("play", 1, 800, False)
    bench.line.say(base.Played("a1", 1, True, 100))
    # Between three keys there is silence, then the queue goes on.
    assert bench.line.asked[-2:] == [("send_keys", "12#"), ("play", 1, 3 * 640 + 400, False)]
    bench.line.say(base.Played("a1", 1, True, 290))
    assert bench.line.asked[-2:] == [("send_keys", "4"), ("play", 1, 640, False)]
    bench.line.say(base.Played("a1", 1, True, 80))
    assert bench.pool.worker.told[-1] == wire.PlayEnded("a1", 1, True, 470)


async def test_a_queue_that_is_cut_sends_no_more_keys(bench: Bench) -> None:
    await bench.answered()
    bench.dialog(wire.PlayClips("a1", 1, (wire.Clip(silence_ms=100), wire.Clip(keys="1")), True, 0))
    bench.line.say(base.Played("a1", 1, False, 40))
    assert bench.pool.worker.told[-1] == wire.PlayEnded("a1", 1, False, 40)
    assert ("send_keys", "1") not in bench.line.asked


async def test_keys_are_sent_by_order_in_an_answered_call_alone(bench: Bench) -> None:
    assert bench.board.send_keys("a1", "1") is None
    await bench.place()
    with pytest.raises(NotUp):
        bench.board.send_keys("a1", "1")
    bench.line.say(base.Answered("a1"))
    assert bench.board.send_keys("a1", "1#") is not None
    assert bench.line.asked[-1] == ("send_keys", "1#")


async def test_a_key_that_overtakes_the_prompt_barges_in(bench: Bench) -> None:
    await bench.answered()
    bench.line.say(base.Key("a1", "1"))
    bench.dialog(wire.PlayClips("a1", 4, (wire.Clip(silence_ms=100),), True, 0))
    assert bench.pool.worker.told[-1] == wire.PlayEnded("a1", 4, False, 0)
    assert ("play", 4, 800, True) not in bench.line.asked


async def test_a_lost_dialog_is_an_application_error_of_its_call_alone(bench: Bench) -> None:
    await bench.answered("a1")
    await bench.answered("a2")
    bench.board.sessions.dialog_lost("a1", "killed")
    await asyncio.sleep(0)
    assert bench.line.asked[-1] == ("hang_up", "a1")
    bench.hung_up("a1", by_far_end=False)
    assert bench.status("a1").dialog is DialogResult.APPLICATION_ERROR
    assert bench.status("a2").state == "answered"


async def test_ending_from_outside_is_told_apart(bench: Bench) -> None:
    await bench.answered()
    bench.board.hang_up("a1")
    assert bench.line.asked[-1] == ("hang_up", "a1")
    bench.hung_up(by_far_end=False)
    bench.dialog(wire.DialogOver("a1", "hangup", {}, ""))
    assert bench.status().dialog is DialogResult.SYSTEM_HANGUP
    assert bench.board.hang_up("nobody") is None


async def test_a_line_that_breaks_its_contract_harms_nobody(bench: Bench) -> None:
    await bench.place()
    bench.line.say(base.HungUp("a1", True, RtpStats()))
    bench.line.say(base.HungUp("unknown", True, RtpStats()))
    assert bench.status().state == "invited"


async def test_drain_hangs_up_what_does_not_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.answered()
    original = bench.line.hang_up

    def hang_up(call: str) -> None:
        original(call)
        bench.hung_up(call, by_far_end=False)
        bench.dialog(wire.DialogOver(call, "hangup", {}, ""))

    monkeypatch.setattr(bench.line, "hang_up", hang_up)
    await bench.board.drain(0.01)
    assert bench.board.calls == 0


async def test_events_tell_the_call_in_order(bench: Bench) -> None:
    await bench.answered()
    bench.line.say(base.Ladder("a1", "-> ACK"))
    bench.hung_up()
    bench.dialog(wire.DialogOver("a1", "hangup", {}, ""))
    await asyncio.wait_for(bench.board.events.wait(2), 30)
    kinds = [event.split(b'"type":"')[1].split(b'"')[0] for event in bench.board.events.after(0)[1]]
    assert kinds == [b"invited", b"answered", b"ended"]


async def test_the_dialog_gets_ready_while_it_rings_and_is_let_go_when_nobody_answers(bench: Bench) -> None:
    await bench.place()
    bench.line.say(base.Ringing("a1", 180))
    assert [type(one) for one in bench.pool.worker.told] == [wire.StartDialog]
    bench.line.say(base.Failed("a1", Disposition.RING_TIMEOUT, 487, "", True))
    assert bench.pool.worker.told[-1] == wire.CallOver("a1")
    assert bench.pool.ended == ["a1"]


async def test_a_dialog_lost_while_it_rings_is_begun_again_at_the_answer(bench: Bench) -> None:
    await bench.place()
    bench.board.sessions.dialog_lost("a1", "killed")
    bench.line.say(base.Answered("a1"))
    assert [type(one) for one in bench.pool.worker.told] == [wire.StartDialog, wire.StartDialog, wire.CallAnswered]
    assert bench.status().state == "answered"


async def test_a_call_ended_as_it_is_answered_lets_its_dialog_go(bench: Bench) -> None:
    await bench.place()
    bench.board.hang_up("a1")
    bench.line.say(base.Answered("a1"))
    assert bench.pool.ended == ["a1"]
    bench.hung_up(by_far_end=False)
    assert (bench.status().dialog, bench.board.calls) == (DialogResult.SYSTEM_HANGUP, 0)
