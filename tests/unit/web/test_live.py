from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.db import write_transaction
from app.models import Attempt, AttemptState, Job, JobContact, JobContactState, JobState, User
from app.security.tokens import BadToken
from app.web.live.access import Grant, StreamTokens
from app.web.live.application import LiveStreams
from app.web.live.feeds import Feeds, Frame, difference
from common.errors import RemoteError
from common.settings import Settings
from tests.support.panel import SECRET, World


def frame(text: str, *, ended: bool = False) -> Frame:
    return Frame({"funnel": "same", "codes": text}, {"at": [1]}, "running", ended)


def test_sends_only_what_changed() -> None:
    message = difference(frame("old"), frame("new"))

    assert message == {"parts": {"codes": "new"}, "state": "running", "ended": False}


def test_sends_everything_first() -> None:
    assert difference(None, frame("new"))["parts"] == {"funnel": "same", "codes": "new"}


def test_asks_once_for_all_who_listen() -> None:
    looks: Iterator[int] = count()

    def look(_job_id: int) -> Frame:
        number = next(looks)
        return frame(str(number), ended=number == 3)

    async def listen(feeds: Feeds) -> list[str]:
        return [seen.parts["codes"] async for seen in feeds.frames(1)]

    async def both() -> list[list[str]]:
        feeds = Feeds(look, interval=0.01)
        seen = await asyncio.gather(listen(feeds), listen(feeds))
        assert feeds.listeners == 0
        return list(seen)

    first, second = asyncio.run(both())

    assert first[-1] == second[-1] == "3"
    assert next(looks) == 4


def test_goes_on_when_a_look_fails() -> None:
    looks = count()

    def look(_job_id: int) -> Frame:
        if next(looks) == 0:
            raise RemoteError("the database does not answer")
        return frame("there again", ended=True)

    async def listen() -> list[str]:
        return [seen.parts["codes"] async for seen in Feeds(look, interval=0.01).frames(1)]

    assert asyncio.run(listen()) == ["there again"]


def test_tokens_open_one_job_for_one_person() -> None:
    tokens = StreamTokens(SECRET)
    grant = Grant(7, 3, 1)

    assert tokens.read(tokens.make(grant)) == grant
    with pytest.raises(BadToken):
        tokens.read(StreamTokens("another secret key").make(grant))


def ask(streams: LiveStreams, path: str, query: str, *, messages: int = 2) -> tuple[int, bytes]:
    """The status and the body, read until so many parts have come or the answer is over."""
    sent: list[dict[str, Any]] = []

    async def talk() -> None:
        enough = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(dict(message))
            if len(sent) >= messages or not message.get("more_body", True):
                enough.set()

        scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
        await asyncio.wait_for(streams(scope, receive, send), 60)

    asyncio.run(talk())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def streams(settings: Settings, sqlite_engine: Engine) -> LiveStreams:
    return LiveStreams(settings, sqlite_engine)


def address(client: FlaskClient, world: World) -> tuple[str, str]:
    url = urlsplit(client.get(f"/jobs/{world.job_id}/stream").json["url"])
    return url.path, url.query


def test_streams_the_job_to_who_was_let_in(streams: LiveStreams, admin: FlaskClient, world: World) -> None:
    status, body = ask(streams, *address(admin, world))

    assert status == 200
    message = orjson.loads(body.removeprefix(b"data: "))
    assert set(message["parts"]) == {"state", "funnel", "codes", "books", "calls"}
    assert message["state"] == "running"
    assert "Codes add up to attempts" in message["parts"]["books"]


def test_ends_the_stream_with_the_job(
    streams: LiveStreams, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    path, query = address(admin, world)
    with write_transaction(sqlite_engine) as session:
        attempt = session.get_one(Attempt, world.attempt_id)
        attempt.state, attempt.completion_code = AttemptState.DONE, "CALL_BUSY"
        row = session.get_one(JobContact, attempt.job_contact_id)
        row.state, row.final_code = JobContactState.DONE, "CALL_BUSY"
        session.get_one(Job, world.job_id).state = JobState.COMPLETED

    status, body = ask(streams, path, query, messages=9)

    assert status == 200
    assert orjson.loads(body.removeprefix(b"data: "))["ended"] is True


def test_refuses_strangers(streams: LiveStreams, world: World) -> None:
    status, body = ask(streams, f"/live/jobs/{world.job_id}", "token=guessed")

    assert status == 403
    assert b"not one of ours" in body


def test_refuses_a_token_of_another_job(streams: LiveStreams, admin: FlaskClient, world: World) -> None:
    _, query = address(admin, world)
    assert parse_qs(query)["token"]

    assert ask(streams, "/live/jobs/4711", query)[0] == 403


def test_refuses_who_signed_out_meanwhile(
    streams: LiveStreams, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    path, query = address(admin, world)
    with write_transaction(sqlite_engine) as session:
        for user in session.query(User):
            user.session_generation += 1

    assert ask(streams, path, query)[0] == 403


def test_a_look_that_meets_a_defect_is_not_the_last_of_its_feed() -> None:
    looks: Iterator[int] = count()

    def look(_job_id: int) -> Frame:
        if next(looks) == 0:
            raise KeyError("a defect")
        return frame("there", ended=True)

    async def listen() -> list[str]:
        async with asyncio.timeout(30):
            return [seen.parts["codes"] async for seen in Feeds(look, interval=0.0).frames(1)]

    assert asyncio.run(listen()) == ["there"]
