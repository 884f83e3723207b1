"""Two campaigns and the same people: one attempt to a person at a time, and none inside the guard time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import read_transaction, write_transaction
from app.models import Attempt, JobContact
from app.security.access import Actor
from app.services.explain import Hold, why_not_dialled
from channels.voice.memory import Ending
from common.clock import utcnow
from common.control import CallRequest, Disposition
from engine.runner import EngineRunner
from tests.integration.engine.conftest import House
from tests.integration.engine.test_engine import CALL_ONLY
from tests.support.job_rows import make_job, repeat_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

Play = Callable[[Callable[[House], Awaitable[None]]], None]


def state_of(house: House, job_id: int) -> str:
    return str(house.sql("SELECT state FROM job WHERE id = :id", id=job_id)[0][0])


def holds_of(house: House, contact_id: int) -> list[Hold]:
    with read_transaction(house.database) as session:
        return why_not_dialled(session, Actor.system(), contact_id, utcnow())


def test_two_campaigns_never_ring_a_person_at_the_same_time(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.compliance.quiet.LOOK_AGAIN", timedelta(seconds=0.2))

    async def scenario(house: House) -> None:
        most: Counter[str] = Counter()

        def note(request: CallRequest) -> Ending:
            ringing = Counter(
                other.to for other in house.server.requests if house.server.calls[other.attempt_id].state != "ended"
            )
            most[request.to] = max(most[request.to], ringing[request.to])
            return Ending(seconds=0.3)

        house.server.behave = note
        first = make_job(house.database, 12, strategy_xml=CALL_ONLY)
        with write_transaction(house.database) as session:
            second = repeat_job(session, first, of_another_campaign=True)
        engines: list[EngineRunner] = [house.start("one"), house.start("two")]
        await house.until(lambda: {state_of(house, first), state_of(house, second)} == {"completed"})
        assert engines[0].owner != engines[1].owner
        assert house.attempt_codes() == {"ANSWER_HUMAN": 24}
        assert dict(most) == {f"+1202555{number:04d}": 1 for number in range(1, 13)}

    play(scenario)


def test_a_new_job_leaves_a_person_alone_for_the_guard_time_after_an_unknown_outcome(play: Play) -> None:
    async def scenario(house: House) -> None:
        first = make_job(house.database, 2, strategy_xml=CALL_ONLY)
        house.server.behave = lambda request: (
            Ending(Disposition.LOST, None, None) if request.to.endswith("1") else Ending()
        )
        house.start()
        await house.until(lambda: house.attempt_codes() == {"OUTCOME_UNKNOWN": 1, "ANSWER_HUMAN": 1})
        await house.until(lambda: state_of(house, first) == "completed")
        house.server.behave = lambda _request: Ending()
        with write_transaction(house.database) as session:
            second = repeat_job(session, first)
        await house.until(lambda: house.attempt_codes()["ANSWER_HUMAN"] == 2)
        held = "SELECT hold_code FROM job_contact WHERE job_id = :id AND state = 'ready' AND contact_id = 1"
        await house.until(lambda: house.sql(held, id=second) == [("RESTRICTED_RULE",)])
        reasons = [hold for hold in holds_of(house, 1) if hold.code == "RESTRICTED_RULE"]
        assert any("phone1: whether the voice attempt of" in hold.text for hold in reasons)
        ended = house.sql("SELECT ended_at FROM attempt WHERE completion_code = 'OUTCOME_UNKNOWN'")
        assert len(ended) == 1
        assert all(hold.until and hold.until > utcnow() + timedelta(minutes=55) for hold in reasons)
        assert len(house.server.requests) == 3
        with write_transaction(house.database) as session:
            over = utcnow() - timedelta(hours=1)
            session.execute(update(Attempt).where(Attempt.completion_code == "OUTCOME_UNKNOWN").values(ended_at=over))
            session.execute(update(JobContact).where(JobContact.state == "ready").values(due_at=over))
        await house.until(lambda: state_of(house, second) == "completed")
        assert house.attempt_codes() == {"OUTCOME_UNKNOWN": 1, "ANSWER_HUMAN": 3}

    play(scenario)


def test_a_call_under_way_for_another_campaign_is_the_reason_given(play: Play) -> None:
    async def scenario(house: House) -> None:
        house.server.behave = lambda _request: Ending(seconds=30)
        first = make_job(house.database, 1, strategy_xml=CALL_ONLY)
        house.start()
        await house.until(lambda: len(house.server.requests) == 1)
        with write_transaction(house.database) as session:
            second = repeat_job(session, first, of_another_campaign=True)
        held = "SELECT hold_code, hold_detail FROM job_contact WHERE job_id = :id"
        await house.until(lambda: house.sql(held, id=second)[0][0] == "RESTRICTED_RULE")
        assert f"another voice attempt (job {first}) is under way" in house.sql(held, id=second)[0][1]
        told = [hold for hold in holds_of(house, 1) if "is under way" in hold.text]
        assert told
        assert {hold.job_id for hold in told} == {second}
        assert len(house.server.requests) == 1
        await house.server.hang_up(house.server.requests[0].attempt_id)

    play(scenario)
