"""Whichever way people come onto the do-not-call list: what is due a second later is not attempted, by any channel and
any engine. Real processes: the web role, two engines, a media server, the carrier and the providers of messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.db import make_engine
from common.clock import utcnow
from tests.support import opt_outs
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, installation
from tests.support.opt_outs import ALL, CONTROL, WAYS, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
CHANNELS = ("voice", "sms", "email")
LATER = timedelta(seconds=1)


@pytest.fixture
def world(engine: Engine, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with installation(tmp_path_factory.mktemp("ways"), database_url) as clarion:
        made = opt_outs.build(clarion, make_engine(database_url), list(WAYS))
        clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE, f"{ENGINE}:2")
        opt_outs.enter(made)
        try:
            yield made
        finally:
            made.engine.dispose()
            # Nobody waits for the calls that last.
            for role in (f"{ENGINE}:2", ENGINE, MEDIASERVER):
                clarion.kill(role)


def test_what_is_due_a_second_after_the_entry_is_not_attempted(world: World) -> None:
    entered = {name: walk(world, name) for name in WAYS}
    world.due(world.people[CONTROL, 0], utcnow() + LATER, *CHANNELS)
    people = {name: contact for (name, _), contact in world.people.items()}
    world.until("the jobs to be done", lambda: all(len(world.final_codes(who)) == 3 for who in people.values()))

    for name, way in WAYS.items():
        codes = world.final_codes(people[name])
        assert {channel for channel, code in codes.items() if code == "IN_DNC_LIST"} == way.closes, (name, codes)
        late = [
            channel
            for channel in way.closes
            for attempt in world.attempts(people[name], channel)
            if attempt.started_at > entered[name]
        ]
        assert late == [], name
    # Whom nobody listed is reached, and so is everybody by what their wish did not speak of.
    assert all(world.attempts(people[CONTROL], channel) for channel in CHANNELS)
    assert all(world.attempts(people[name], channel) for name, way in WAYS.items() for channel in ALL - way.closes)
    # Without those that a busy machine's media server did not admit.
    first_calls = world.attempts(people["while it rings"], "first call")
    (rung,) = [attempt for attempt in first_calls if attempt.completion_code != "NO_PORTS"]
    assert rung.completion_code == "CANCELLED_BY_SYSTEM"


def walk(world: World, name: str) -> datetime:
    """The moment of the entry; the person is due a second later."""
    way, contact = WAYS[name], world.people[name, 0]
    way.begin(world, contact)
    way.say(world, contact)
    entered = utcnow()
    world.due(contact, entered + LATER, *CHANNELS)
    return entered
