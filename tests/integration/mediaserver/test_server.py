"""A media server with real worker processes against the simulated carrier: control API, hung workers, restarts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mediaserver.switch.loadgate import Observation
from mediaserver.switch.nursery import Child
from simulators.carrier.agent import Carrier, CarrierSettings
from tests.support.media_server import FORM, TOKEN, Bench, Pages, media_server

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
ASK = FORM.format(
    '<field name="key" type="digits?length=1"><prompt>Hello <value expr="session.connection.ccxml.values.who"/>.'
    ' Press one.</prompt><filled><exit namelist="key"/></filled></field>'
)
PRIVATE = FORM.format(
    '<field name="card" type="digits?length=1"><property name="clarion.private" value="true"/>'
    '<prompt>Type it.</prompt><filled><exit namelist="card"/></filled></field>'
)
LISTEN = FORM.format('<field name="key" type="digits"><property name="timeout" value="60s"/></field>')
SUBMIT = FORM.format(
    '<catch event="connection.disconnect.hangup"><var name="seen" expr="1"/><submit next="result" namelist="seen"/>'
    '</catch><field name="key" type="digits"><property name="timeout" value="60s"/></field>'
)


PAGES = {"ask": ASK, "private": PRIVATE, "listen": LISTEN, "submit": SUBMIT}


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    pages = Pages(PAGES)
    await pages.start()
    async with Carrier(CarrierSettings(port=0)) as carrier, media_server(tmp_path, carrier, pages) as bench:
        yield bench
    await pages.stop()


async def test_a_call_is_placed_talks_and_reports(bench: Bench) -> None:
    code, _ = await bench.place("a1", "34")
    status = await bench.ended("a1")
    assert (code, status["disposition"], status["dialog"]) == (202, "answered", "completed")
    assert (status["dtmf"], status["exit"]) == ("1", {"key": "1"})
    assert status["rtp"]["sent"] > 50
    kinds = {line["kind"] for line in status["trace"]}
    assert kinds == {"sip", "vxml"}


async def test_a_known_attempt_is_answered_and_never_rung_again(bench: Bench) -> None:
    await bench.place("a1", "01")
    await bench.ended("a1")
    code, status = await bench.place("a1", "01")
    assert (code, status["sip_status"]) == (200, 486)
    assert sum(bench.carrier.rings.values()) == 1


async def test_private_keys_are_masked_everywhere(bench: Bench) -> None:
    await bench.place("a1", "34", "private")
    status = await bench.ended("a1")
    assert (status["dtmf"], status["exit"]) == ("•", {"card": "•"})
    assert not any("1" in line["text"].partition("key:")[2] for line in status["trace"])


async def test_a_script_still_submits_after_the_hang_up(bench: Bench) -> None:
    await bench.place("a1", "13", "submit")
    status = await bench.ended("a1")
    assert status["dialog"] == "caller_hangup"
    assert any("result?seen=1" in asked for asked in bench.pages.asked)


@pytest.mark.parametrize("page", ["missing", "away"])
async def test_what_cannot_be_fetched_is_an_application_error(bench: Bench, page: str) -> None:
    await bench.place("a1", "10", page)
    status = await bench.ended("a1")
    assert status["dialog"] == "application_error"
    # The apology was heard out.
    assert status["rtp"]["sent"] > 100


async def test_a_restarted_web_server_costs_no_call(bench: Bench) -> None:
    port = bench.pages.port
    await bench.pages.stop()
    await bench.place("a1", "34")
    await bench.event("a1", "answered")
    await asyncio.sleep(0.5)
    await bench.pages.start(port)
    assert (await bench.ended("a1"))["dialog"] == "completed"


async def test_a_dead_worker_takes_only_its_own_dialogs(bench: Bench) -> None:
    await bench.place("victim", "10", "listen", organization="o1")
    await bench.place("other", "10", "listen", organization="o2")
    for attempt in ("victim", "other"):
        await bench.event(attempt, "answered")
    await bench.pages.until_asked(2)
    worker = bench.board.roster.find("victim").worker
    assert worker is not None
    assert worker.child is not None
    os.kill(worker.child.pid, signal.SIGKILL)
    status = await bench.ended("victim")
    assert status["dialog"] == "application_error"
    assert (await bench.status("other"))["state"] == "answered"
    async with bench.http.delete(f"{bench.api}/v1/calls/other") as answer:
        assert answer.status == 202
    assert (await bench.ended("other"))["dialog"] == "system_hangup"


async def test_a_worker_that_runs_away_is_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.place("victim", "10", "listen")
    await bench.pages.until_asked(1)
    worker = bench.board.roster.find("victim").worker
    assert worker is not None
    assert worker.child is not None
    os.kill(worker.child.pid, signal.SIGSTOP)
    # As if it burnt processor time all the while.
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr(Child, "cpu_seconds", lambda _: next(times))
    assert (await bench.ended("victim"))["dialog"] == "application_error"


async def test_capacity_and_draining_refuse_with_retry_after(bench: Bench) -> None:
    for number in range(4):
        await bench.place(f"a{number}", "02")
    code, status = await bench.place("a9", "02")
    assert (code, status["disposition"]) == (503, "not_admitted")
    async with bench.http.post(f"{bench.api}/v1/drain") as answer:
        assert answer.status == 202
    async with bench.http.get(f"{bench.api}/v1/status") as answer:
        body = await answer.json()
    assert (body["calls"], body["capacity"], body["draining"]) == (4, 4, True)
    async with bench.http.delete(f"{bench.api}/v1/calls/a0") as answer:
        assert answer.status == 202
    assert (await bench.ended("a0"))["disposition"] == "cancelled"


async def test_only_the_token_opens_the_api(bench: Bench) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        async with bench.http.get(f"{bench.api}/v1/status", headers=headers) as answer:
            assert answer.status == 401


async def test_figures_are_for_this_machine_or_with_the_token_and_health_for_everybody(bench: Bench) -> None:
    await bench.place("a1", "34")
    await bench.ended("a1")
    away = {"Authorization": "", "X-Forwarded-For": "192.0.2.1"}
    for headers, code in ((away, 401), ({"Authorization": ""}, 200), ({"X-Forwarded-For": "192.0.2.1"}, 200)):
        async with bench.http.get(f"{bench.api}/metrics", headers=headers) as answer:
            assert answer.status == code
            told = await answer.text()
    prefix = "clarion_mediaserver_"
    ended = f'{prefix}calls_ended_total{{disposition="answered",sip_status="200",trunk="127.0.0.1"}} 1.0'
    assert ended in told
    assert f'{prefix}call_jitter_seconds_count{{direction="received"}} 1.0' in told
    assert f'{prefix}rtp_packets_total{{direction="sent"}} 0.0' not in told
    assert f"{prefix}workers_killed_total 0.0" in told
    async with bench.http.get(f"{bench.api}/healthz", headers=away) as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_an_overloaded_server_refuses_with_the_reason_and_lets_its_calls_go_on(bench: Bench) -> None:
    await bench.place("a1", "02")
    gate, late = bench.board.watch.gate, Observation(late_packets=0.5)
    bench.board.watch._decide = lambda _now: None
    for moment in (0.0, 0.5, 1.0):
        gate.decide(late, moment)
    code, status = await bench.place("a2", "01")
    assert (code, status["disposition"]) == (503, "not_admitted")
    assert status["reason"] == "overloaded: 50 % of packets leave more than 20 ms late"
    async with bench.http.get(f"{bench.api}/v1/status") as answer:
        body = await answer.json()
    assert (body["status"], body["admission"], body["room"], body["calls"]) == ("overloaded", "closed", 0, 1)
    async with bench.http.get(f"{bench.api}/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "overloaded"})
    code, _ = await bench.place("a1", "02")
    assert code == 200, "a known attempt is no new call"
    async with bench.http.get(f"{bench.api}/metrics") as answer:
        assert 'calls_refused_total{reason="overloaded"} 1.0' in await answer.text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"to": "+1555;x=1"}, "to:"),
        ({"ring_timeout": "soon"}, "ring_timeout:"),
        ({"values": []}, "values:"),
        ({"colour": "red"}, "colour:"),
        ({"trunk": {"host": "127.0.0.1", "line": "tin-can"}}, "trunk.line:"),
    ],
)
async def test_a_bad_request_names_its_field(bench: Bench, change: dict[str, Any], says: str) -> None:
    code, body = await bench.place("a1", "01", **change)
    assert code == 400
    assert says in body["error"]


async def test_a_restart_answers_lost_for_what_was_under_way(tmp_path: Path) -> None:
    pages = Pages(PAGES)
    await pages.start()
    async with Carrier(CarrierSettings(port=0)) as carrier:
        async with media_server(tmp_path, carrier, pages) as first:
            await first.place("a1", "02")
            await first.event("a1", "ringing")
            boot = first.board.boot_id
            # As kill -9 leaves it: the journal knows the beginning alone.
            first.board._outcomes._journal.end = _unwritten
        async with media_server(tmp_path, carrier, pages) as second:
            code, status = await second.place("a1", "02", boot_id=boot)
            assert (code, status["disposition"]) == (200, "lost")
            code, body = await second.place("a2", "02", boot_id=boot)
            assert (code, body["boot_id"]) == (409, second.board.boot_id)
        assert sum(carrier.rings.values()) == 1
    await pages.stop()


async def _unwritten(_: object) -> None:
    raise OSError(5, "killed")
