"""What becomes of attempts when a part is gone: an engine, a media server, a reply, a row."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import write_transaction
from app.models import Job
from channels.voice.memory import Ending
from common.clock import utcnow
from tests.integration.engine.conftest import CALL_ONLY, PLAN, QUICK, House, Play, equip
from tests.support.job_rows import make_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

OWNERS = "SELECT DISTINCT owner FROM attempt"


def test_after_a_crash_calls_are_adopted_and_nobody_is_rung_twice(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(gate=gate)
        house.server.capacity = 5
        make_job(house.database, 15, strategy_xml=CALL_ONLY)
        dead = house.start().owner
        await house.until(lambda: len(house.server.requests) == 5)
        assert house.sql(OWNERS) == [(dead,)]
        await house.kill()
        heir = house.start().owner
        await house.until(lambda: house.sql(OWNERS) == [(heir,)])
        gate.set()
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"ANSWER_HUMAN": 15}
        assert len(house.server.invites) == 15
        assert set(house.server.invites.values()) == {1}

    play(scenario)


def test_calls_lost_with_their_media_server_end_unknown_and_are_not_redialled(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(seconds=30)
        house.server.capacity = 3
        make_job(house.database, 5, strategy_xml=CALL_ONLY)
        house.start()
        await house.until(lambda: len(house.server.requests) == 3)
        house.server.behave = lambda _request: Ending(seconds=0.05)
        house.server.restart("boot-2")
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"OUTCOME_UNKNOWN": 3, "ANSWER_HUMAN": 2}
        assert set(house.server.invites.values()) == {1}

    play(scenario)


def test_a_media_server_that_stays_away_is_given_up_and_capacity_comes_back(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(seconds=30)
        house.server.capacity = 3
        make_job(house.database, 4, strategy_xml=CALL_ONLY)
        runner = house.start()
        await house.until(lambda: len(house.server.requests) == 3)
        house.server.unreachable = True
        house.server.wake()
        await house.until(lambda: house.attempt_codes()["OUTCOME_UNKNOWN"] == 3)
        assert runner.calls_in_progress == 0
        house.server.restart("boot-2", journal=False)
        house.server.unreachable = False
        house.server.behave = lambda _request: Ending(seconds=0.05)
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"OUTCOME_UNKNOWN": 3, "ANSWER_HUMAN": 1}

    play(scenario)


def test_a_second_engine_shares_the_work_and_takes_over(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(seconds=0.1)
        house.server.capacity = 6
        make_job(house.database, 60, state="paused", strategy_xml=CALL_ONLY)
        sharers = [house.start("one"), house.start("two")]
        await house.until(lambda: all(runner.sharers == 2 for runner in sharers))
        house.sql("UPDATE job SET state = 'running'")
        # Each has lanes of its own, so both must place calls, however unevenly a full media server lets them in.
        await house.until(lambda: {row[0].partition("/")[0] for row in house.sql(OWNERS)} == {"one", "two"})
        await house.stop("one")
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"ANSWER_HUMAN": 60}
        assert set(house.server.invites.values()) == {1}

    play(scenario)


def test_a_graceful_end_finishes_calls_and_gives_leases_back(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(gate=gate)
        house.server.capacity = 3
        make_job(house.database, 30, strategy_xml=CALL_ONLY)
        house.start(tuning=replace(QUICK, grace=30))
        await house.until(lambda: len(house.server.requests) == 3)
        states = "SELECT state, count(*) FROM job_contact GROUP BY state ORDER BY state"
        ending = asyncio.create_task(house.stop())
        await house.until(lambda: house.sql(states) == [("attempting", 3), ("ready", 27)])
        gate.set()
        await ending
        assert house.attempt_codes() == {"ANSWER_HUMAN": 3}
        assert house.sql(states) == [("done", 3), ("ready", 27)]
        expired = house.sql("SELECT count(*) FROM lease WHERE expires_at > :now", now=_later(house))
        assert expired == [(0,)]

    play(scenario)


def test_messages_whose_reply_was_lost_are_looked_up_and_never_sent_blindly(play: Play) -> None:
    async def scenario(house: House) -> None:
        sms, _ = equip(house)
        make_job(house.database, 3, strategy_xml=PLAN)
        sms.lose = {"+12025550001"}
        sms.swallow = {"+12025550002"}
        house.start()
        await house.until(lambda: house.attempt_codes()["NO_PORTS"] >= 1)
        sms.swallow = set()
        await house.until(lambda: house.job_state() == "completed")
        assert house.final_codes() == {"SMS_SENT": 3}
        assert len({message.attempt_id for message in sms.sent}) == len(sms.sent) == 3

    play(scenario)


def _now(house: House) -> object:
    return _later(house, 0)


def _later(house: House, milliseconds: int = 50) -> object:
    moment = utcnow() + timedelta(milliseconds=milliseconds)
    return moment if house.database.dialect.name == "postgresql" else moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_an_attempt_that_no_task_follows_is_found_and_finished(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(gate=gate)
        make_job(house.database, 1, strategy_xml=CALL_ONLY)
        runner = house.start(tuning=replace(QUICK, stray=0.2))
        await house.until(lambda: any(call.answered for call in runner._calls._calls.values()))
        runner._calls._calls.clear()  # as if the task that followed it had failed
        await house.until(lambda: runner.calls_in_progress == 1)
        gate.set()
        await house.until(lambda: house.job_state() == "completed")
        assert house.attempt_codes() == {"ANSWER_HUMAN": 1}
        assert set(house.server.invites.values()) == {1}

    play(scenario)


def test_a_job_that_lost_a_row_it_needs_says_so_and_stops_nothing_else(play: Play) -> None:
    async def scenario(house: House) -> None:
        job_id = make_job(house.database, 2, strategy_xml=CALL_ONLY)
        with write_transaction(house.database) as session:
            job = session.get_one(Job, job_id)
            whole = dict(job.settings)
            job.settings = {**whole, "calling_window_id": 999_999}
        house.start()
        await house.until(lambda: "cannot run" in house.sql("SELECT detail FROM job")[0][0])
        with write_transaction(house.database) as session:
            session.execute(update(Job).values(settings=whole))
        await house.until(lambda: house.job_state() == "completed")

    play(scenario)


def test_a_message_that_cannot_be_made_ends_its_attempt(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_values: object) -> object:
        raise RuntimeError("a template nobody foresaw")

    monkeypatch.setattr("engine.messenger.render", fail)

    async def scenario(house: House) -> None:
        equip(house)
        make_job(house.database, 1, strategy_xml=PLAN)
        house.start()
        await house.until(lambda: house.attempt_codes()["SYSTEM_ERROR"] >= 1)

    play(scenario)


def test_an_engine_that_winds_down_gives_up_the_directors_chair_before_its_calls_end(play: Play) -> None:
    async def scenario(house: House) -> None:
        gate = asyncio.Event()
        house.server.behave = lambda _request: Ending(gate=gate)
        make_job(house.database, 1, strategy_xml=CALL_ONLY)
        house.start(tuning=replace(QUICK, grace=30))
        await house.until(lambda: len(house.server.requests) == 1)
        chair = "SELECT count(*) FROM lease WHERE name = 'director' AND expires_at > :now"
        await house.until(lambda: house.sql(chair, now=_now(house)) == [(1,)])
        ending = asyncio.create_task(house.stop())
        await house.until(lambda: house.sql(chair, now=_now(house)) == [(0,)])
        assert house.attempt_codes() == {"ATTEMPT_IN_PROGRESS": 1}
        gate.set()
        await ending
        assert house.attempt_codes() == {"ANSWER_HUMAN": 1}

    play(scenario)
