"""The ASGI application of the live streams: `GET /live/jobs/<id>?token=...` answers server-sent events.

No cookies: the token of a minute is the right to listen, so any origin may connect. A stream lives for a quarter of an
hour; then the page asks the panel for a new token, which it gets only while its person is still signed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.db import make_engine, read_transaction
from app.models import User
from app.security.access import Actor
from app.security.tokens import BadToken
from app.services.jobs import get_job
from app.web.application import create_app
from app.web.live.access import StreamTokens
from app.web.live.feeds import Feeds, Frame, difference
from app.web.live.snapshot import chart, render_parts, take
from common.clock import utcnow
from common.errors import ClarionError, RemoteError
from common.settings import Settings

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STREAM_SECONDS = 15 * 60.0
HEARTBEAT_SECONDS = 15.0
MOST_STREAMS = 5000
_PATH = re.compile(r"/live/jobs/(\d{1,18})")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"access-control-allow-origin", b"*"),
]


class LiveStreams:
    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self._engine = engine or make_engine(settings.database_url, pool_size=4)
        self._tokens = StreamTokens(settings.require_secret_key())
        self._templates = create_app(settings, self._engine).jinja_env
        self._feeds = Feeds(self._look)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["path"] == "/healthz":
            await _plain(send, 200, "ok")
            return
        path = _PATH.fullmatch(scope["path"])
        if path is None or scope["method"] != "GET":
            await _plain(send, 404, "here are only live streams of jobs, opened by a job's page")
            return
        job_id = int(path.group(1))
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        try:
            await asyncio.to_thread(self._admit, job_id, token)
        except ClarionError as error:
            await _plain(send, 403, str(error))
            return
        if self._feeds.listeners >= MOST_STREAMS:
            await _plain(send, 503, "too many pages are open; the page goes on by asking now and then")
            return
        await self._stream(job_id, receive, send)

    def _admit(self, job_id: int, token: str) -> None:
        grant = self._tokens.read(token)
        if grant.job_id != job_id:
            raise BadToken
        with read_transaction(self._engine) as session:
            user = session.get(User, grant.user_id)
            if user is None or user.disabled or user.session_generation != grant.session_generation:
                raise BadToken("signed out since the page was opened")
            get_job(session, Actor.of(user), job_id)

    def _look(self, job_id: int) -> Frame:
        try:
            with read_transaction(self._engine) as session:
                snapshot = take(session, Actor.system(), job_id, utcnow())
        except SQLAlchemyError as error:
            raise RemoteError(f"the database does not answer: {type(error).__name__}") from error
        parts = render_parts(self._templates, snapshot)
        return Frame(parts, chart(snapshot), snapshot.summary.state, snapshot.ended)

    async def _stream(self, job_id: int, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        gone = asyncio.create_task(_until_gone(receive))
        talking = asyncio.create_task(self._talk(job_id, send))
        try:
            await asyncio.wait((gone, talking), timeout=STREAM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, talking):
                task.cancel()
            _, trouble = await asyncio.gather(gone, talking, return_exceptions=True)
        if isinstance(trouble, Exception):
            log.error("live.stream_failed", job_id=job_id, exc_info=trouble)
        if not gone.done() or gone.cancelled():
            with contextlib.suppress(OSError, RuntimeError):  # the page may go at this very moment
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _talk(self, job_id: int, send: Send) -> None:
        shown: Frame | None = None
        async for frame in _with_heartbeats(self._feeds.frames(job_id)):
            if frame is None:
                body = b": still here\n\n"
            else:
                body = b"data: " + orjson.dumps(difference(shown, frame)) + b"\n\n"
                shown = frame
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _with_heartbeats(frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame | None]:
    """The frames, and None where nothing came for HEARTBEAT_SECONDS: proxies close what is silent."""
    following: asyncio.Future[Frame] = asyncio.ensure_future(anext(frames))
    try:
        while True:
            done, _ = await asyncio.wait((following,), timeout=HEARTBEAT_SECONDS)
            if not done:
                yield None
                continue
            try:
                yield following.result()
            except StopAsyncIteration:
                return
            following = asyncio.ensure_future(anext(frames))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await frames.aclose()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _plain(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode() + b"\n", "more_body": False})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def create_live() -> LiveStreams:
    """For the server: settings from the environment."""
    return LiveStreams(Settings.load())
