"""The control API of a media server: HTTP for orders, a WebSocket for events. See docs/reference/control-api.md."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from prometheus_client import CONTENT_TYPE_LATEST

from common.control import CallRequest, CallStatus, Disposition
from common.errors import ConfigError, Refused
from common.setting_types import Endpoint
from common.tasks import note_failure
from mediaserver.conversations_api import ConversationsApi
from mediaserver.http_answers import answer, read_object
from mediaserver.lines.base import Unsupported
from mediaserver.recordings_api import RecordingsApi
from mediaserver.switch.admission import NotAdmitted
from mediaserver.switch.bridges import Conflict
from mediaserver.switch.switchboard import BootChanged, NotUp, Switchboard

_MAX_BODY = 256 * 1024
#: Seconds between pings on the event socket; a dead engine is noticed after two.
_PING = 15.0
_SHUTDOWN = 2.0
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_KEYS = re.compile(r"[0-9A-D*#]{1,64}")

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    def __init__(self, switchboard: Switchboard, token: str) -> None:
        if not token:
            raise ConfigError("CLARION_MEDIASERVER_TOKEN is empty: whoever can place calls must show a token")
        self._switchboard = switchboard
        self._token = token.encode()
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    async def start(self, endpoint: Endpoint) -> Endpoint:
        """Listen; the address that was bound. Raise ConfigError when it cannot be."""
        application = web.Application(middlewares=[self._guard], client_max_size=_MAX_BODY)
        application.add_routes(
            [
                web.post("/v1/calls", self._place),
                web.get("/v1/calls/{attempt}", self._show),
                web.delete("/v1/calls/{attempt}", self._hang_up),
                web.post("/v1/calls/{attempt}/keys", self._send_keys),
                web.get("/v1/status", self._status),
                web.post("/v1/drain", self._drain),
                web.get("/v1/events", self._events),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
                *ConversationsApi(self._switchboard).routes,
                *RecordingsApi(self._switchboard).routes,
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, endpoint.host, endpoint.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(f"CLARION_MEDIASERVER_LISTEN: {endpoint} cannot be bound: {error.strerror}") from error
        host, port = self._runner.addresses[0][:2]
        return Endpoint(host, port)

    async def close(self) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=1001, message=b"closing")
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _open_to(request) and not self._shows_token(request):
            return answer({"error": "a bearer token is needed"}, 401, {"WWW-Authenticate": "Bearer"})
        try:
            return await handler(request)
        except Refused as error:
            return answer({"error": str(error)}, 400)
        except Conflict as error:
            return answer({"error": str(error)}, 409)

    def _shows_token(self, request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)

    async def _place(self, request: web.Request) -> web.Response:
        call = CallRequest.from_json(await read_object(request, "a call request"))
        _check_times(call)
        try:
            status, new = await self._switchboard.place(call)
        except BootChanged as error:
            return answer({"error": str(error), "boot_id": self._switchboard.boot_id}, 409)
        except NotAdmitted as error:
            self._switchboard.metrics.refused(error.kind)
            refused = CallStatus(
                call.attempt_id, self._switchboard.boot_id, "ended", Disposition.NOT_ADMITTED, reason=str(error)
            )
            return answer(refused.to_json(), 503, {"Retry-After": "1"})
        return answer(status.to_json(), 202 if new else 200)

    async def _show(self, request: web.Request) -> web.Response:
        return _known(self._switchboard.status(request.match_info["attempt"]), 200)

    async def _hang_up(self, request: web.Request) -> web.Response:
        return _known(self._switchboard.hang_up(request.match_info["attempt"]), 202)

    async def _send_keys(self, request: web.Request) -> web.Response:
        keys = (await read_object(request, "the keys to send")).get("keys")
        if not isinstance(keys, str) or not _KEYS.fullmatch(keys):
            raise Refused("keys: give 1 to 64 of 0-9, A-D, * and #")
        try:
            return _known(self._switchboard.send_keys(request.match_info["attempt"], keys), 202)
        except NotUp as error:
            return answer({"error": str(error)}, 409)
        except Unsupported as error:
            return answer({"error": str(error)}, 501)

    async def _status(self, request: web.Request) -> web.Response:
        board = self._switchboard
        body = {
            "boot_id": board.boot_id,
            "version": version("clarion"),
            "calls": board.calls,
            "capacity": board.admission.max_calls,
            "draining": board.admission.draining,
            "room": board.admission.room,
            "status": _words(board),
            **board.watch.facts,
            "last_seq": board.events.last_seq,
            "lines": list(board.lines),
            "workers": board.pool.size,
            "workers_killed": board.pool.killed,
        }
        return answer(body, 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._switchboard.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _health(self, request: web.Request) -> web.Response:
        """503 only when nobody could be talked to: a restart would end the calls of one that is merely full or late."""
        words = _words(self._switchboard)
        return answer({"status": words}, 503 if words == "no dialog worker" else 200)

    async def _drain(self, request: web.Request) -> web.Response:
        self._switchboard.admission.draining = True
        return answer({"draining": True, "calls": self._switchboard.calls}, 202)

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        seq = _seq(request, self._switchboard.boot_id)
        socket = web.WebSocketResponse(heartbeat=_PING)
        await socket.prepare(request)
        self._sockets.add(socket)
        sender = asyncio.create_task(self._send_events(socket, seq))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            sender.cancel()
            self._sockets.discard(socket)
        return socket

    async def _send_events(self, socket: web.WebSocketResponse, seq: int) -> None:
        events = self._switchboard.events
        try:
            while True:
                await events.wait(seq)
                seq, batch = events.after(seq)
                for event in batch:
                    await socket.send_str(event.decode())
        except ConnectionError:
            log.info("event_listener_gone")
        except Exception as error:
            # A socket that stays open and tells nothing would be believed.
            note_failure("events", error)
            await socket.close(code=WSCloseCode.INTERNAL_ERROR)


def _open_to(request: web.Request) -> bool:
    """Health is nobody's secret; figures are for a scraper on this machine, not through a proxy."""
    if request.path == "/healthz":
        return True
    return request.path == "/metrics" and request.remote in _LOOPBACK and "X-Forwarded-For" not in request.headers


def _words(board: Switchboard) -> str:
    """How it is, in a few words; `ok` when it takes calls."""
    reason = board.watch.gate.decision.reason
    if board.admission.draining:
        return "draining"
    if not board.pool.size:
        return "no dialog worker"
    if reason:
        return reason.partition(":")[0]
    return "full" if board.calls >= board.admission.max_calls else "ok"


def _seq(request: web.Request, boot_id: str) -> int:
    """Where to go on; numbers of another boot mean nothing here, so its listener gets everything."""
    after = request.query.get("after", "0")
    if not after.isascii() or not after.isdigit():
        raise Refused("after: give the seq of the last event seen, a whole number")
    return int(after) if request.query.get("boot", boot_id) == boot_id else 0


def _check_times(call: CallRequest) -> None:
    for name, value in (("ring_timeout", call.ring_timeout), ("max_duration", call.max_duration)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
            raise Refused(f"{name}: give seconds, more than 0 and at most 86400")
    if not isinstance(call.values, dict):
        raise Refused("values: give an object of names and values")


def _known(status: CallStatus | None, code: int) -> web.Response:
    if status is None:
        return answer({"error": "this attempt is unknown here"}, 404)
    return answer(status.to_json(), code)
