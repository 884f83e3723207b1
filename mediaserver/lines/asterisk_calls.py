"""The calls of the `asterisk` line without input or output: ARI's events and answers in, orders and reports out.

`place`, `hang_up` and `send_keys` are the wishes; `receive` takes what the WebSocket brings, `answered` the answer to
an `Order`; `orders` and `reports` are taken once; `next_timer` and `handle_timer` are the clock. Each call is a
channel to the trunk, an external-media channel to our RTP port, and a bridge that joins the two, all named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.control import Disposition
from mediaserver.lines.asterisk_table import CALL, Action, Input, State
from mediaserver.lines.base import Answered, Failed, Key, Ladder, Ringing
from mediaserver.switch.sip.release import Release
from mediaserver.switch.sip.timers import TimerQueue

_MEDIA, _BRIDGE = "-media", "-bridge"
_CHANNELS = 2
#: Seconds that Asterisk has to tell of a call's end once it was told to end it.
_LATE = 10.0
#: Seconds beyond our own ring timer after which Asterisk gives up by itself, should we be gone.
_BEYOND = 10
#: Q.850 causes as SIP statuses (RFC 3398 8.2.6.1), for an Asterisk that does not tell the status itself.
_STATUS_OF_CAUSE = {
    1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 26: 404, 27: 502, 28: 484, 29: 501,
    31: 480, 34: 503, 38: 503, 41: 503, 42: 503, 47: 503, 55: 403, 57: 403, 58: 503, 65: 488, 70: 488, 79: 501, 87: 403,
    88: 503, 102: 504, 111: 500, 127: 500,
}  # fmt: skip
_RINGING = {"RINGING": 180, "PROGRESS": 183}


class Stage(StrEnum):
    """The orders of a call's preparation, in their order."""

    AUTH = "auth"
    TRUNK = "trunk"
    CHANNEL = "channel"
    MEDIA = "media"
    BRIDGE = "bridge"
    JOIN = "join"
    DIAL = "dial"


@dataclass(frozen=True, slots=True)
class Order:
    """One ARI request; `path` is below ARI's address. `stage` is None where nobody waits for the answer."""

    call: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    stage: Stage | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to place: what its trunk is called and made of, whom to dial, and where our RTP port is."""

    call: str
    trunk: str
    #: Fields of PJSIP's endpoint and of its credentials (empty: none).
    endpoint: Mapping[str, str]
    auth: Mapping[str, str]
    uri: str
    variables: Mapping[str, str]
    media: str
    ring_timeout: float


@dataclass(frozen=True, slots=True)
class MediaAt:
    """Where Asterisk takes and sends the call's audio."""

    call: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Over:
    """An answered call is over."""

    call: str
    by_far_end: bool
    release: Release


Report = Ringing | Answered | Failed | Key | Ladder | MediaAt | Over


@dataclass(slots=True)
class _Call:
    wish: Wish
    state: State = State.PREPARING
    stage: Stage = Stage.AUTH
    made: set[Stage] = field(default_factory=set)
    #: Its channels that are in our application: an order for one that is not yet is refused.
    entered: set[str] = field(default_factory=set)
    ringing: bool = False
    answered: bool = False
    by_far_end: bool = False
    cause: Disposition | None = None
    status: int | None = None
    reason: str = ""
    progress: int = 180


class AriCalls:
    """All calls of one ARI application. `now` is monotonic seconds. It never raises on what Asterisk says."""

    def __init__(self, app: str) -> None:
        self.app = app
        self._prefix = f"{app}-"
        self._calls: dict[str, _Call] = {}
        self._trunks: set[str] = set()
        self._orders: list[Order] = []
        self._reports: list[Report] = []
        self._timers = TimerQueue()

    def __len__(self) -> int:
        return len(self._calls)

    def calls(self) -> tuple[str, ...]:
        return tuple(self._calls)

    # --- wishes

    def place(self, wish: Wish, now: float) -> None:
        call = self._calls[wish.call] = _Call(wish)
        self._timers.set(wish.call, now + wish.ring_timeout, lambda at: self._feed(wish.call, Input.RING_TIMER, at))
        if wish.trunk in self._trunks:
            call.stage = Stage.CHANNEL
        elif not wish.auth:
            call.stage = Stage.TRUNK
        self._order(call)

    def hang_up(self, call: str, now: float) -> None:
        self._feed(call, Input.HANG_UP, now)

    def send_keys(self, call: str, keys: str) -> None:
        if call in self._calls:
            self._tell_asterisk(call, "POST", f"/channels/{self._prefix}{call}/dtmf", {"dtmf": keys})

    def connected(self, now: float) -> None:
        """The WebSocket is open (again): Asterisk may be another one, and events may have been missed."""
        self._trunks.clear()
        for name, call in self._calls.items():
            if call.state in (State.DIALLING, State.UP, State.LEAVING):
                self._orders.append(Order(name, "GET", f"/channels/{self._prefix}{name}", stage=Stage.DIAL))

    # --- what Asterisk says

    def receive(self, event: Mapping[str, Any], now: float) -> None:
        try:
            self._hear(event, now)
        except (KeyError, TypeError, AttributeError, ValueError):
            return  # an event of another shape than ARI's

    def answered(self, order: Order, status: int, body: Any, now: float) -> None:
        """`status` is 0 where Asterisk could not be reached; then `body` says why."""
        call = self._calls.get(order.call)
        if call is None:
            if order.stage in _MAKES and status < 300:
                self._remove(order.call, {order.stage})
            return
        if order.stage is None:
            return
        if order.method == "GET":
            self._looked_at(order.call, status, body, now)
        elif 200 <= status < 300:
            self._done(call, order.stage, body, now)
        else:
            why = body.get("message", "") if isinstance(body, Mapping) else str(body or "")
            call.reason = call.reason or f"Asterisk refuses to make the {order.stage}: {status or ''} {why}".strip()
            self._feed(order.call, Input.FAILED, now)

    def orders(self) -> list[Order]:
        taken, self._orders = self._orders, []
        return taken

    def reports(self) -> list[Report]:
        taken, self._reports = self._reports, []
        return taken

    def next_timer(self) -> float | None:
        return self._timers.next()

    def handle_timer(self, now: float) -> None:
        self._timers.run(now, 100)

    def abandon(self, now: float) -> None:
        """Nobody waits any longer: every call ends now."""
        for name in self.calls():
            self._feed(name, Input.HANG_UP, now)
            self._feed(name, Input.FAILED, now)
            self._feed(name, Input.LATE, now)

    # --- inside

    def _hear(self, event: Mapping[str, Any], now: float) -> None:
        kind = event["type"]
        channel = event.get("peer") if kind == "Dial" else event.get("channel")
        if channel is None or not channel["id"].startswith(self._prefix):
            return
        name = channel["id"].removeprefix(self._prefix)
        if kind == "StasisStart":
            self._enter(name, now)
        call = self._calls.get(name)
        if call is None:
            return
        match kind:
            case "Dial":
                self._hear_dial(name, call, event["dialstatus"], now)
            case "ChannelStateChange" if channel["state"] == "Up":
                self._feed(name, Input.ANSWER, now)
            case "ChannelDtmfReceived" if call.state is State.UP:
                self._reports.append(Key(name, str(event["digit"])[:1]))
            case "ChannelDestroyed":
                self._note_end(call, int(event["cause"]), str(event.get("cause_txt", "")), event.get("tech_cause"))
                self._feed(name, Input.DESTROYED, now)

    def _enter(self, channel: str, now: float) -> None:
        name = channel.removesuffix(_MEDIA)
        call = self._calls.get(channel) or self._calls.get(name)
        if call is not None:
            call.entered.add(channel)
            if len(call.entered) == _CHANNELS:
                self._feed(call.wish.call, Input.ENTERED, now)

    def _hear_dial(self, name: str, call: _Call, status: str, now: float) -> None:
        if status in _RINGING:
            call.progress = _RINGING[status]
            self._feed(name, Input.RINGING, now)
        elif status == "ANSWER":
            self._feed(name, Input.ANSWER, now)

    def _note_end(self, call: _Call, cause: int, text: str, status: object) -> None:
        if isinstance(status, int) and status >= 300:
            call.status, call.reason = status, text
        elif not call.answered and call.cause is None:
            call.status = _STATUS_OF_CAUSE.get(cause)
        call.reason = call.reason or text
        shown = f"{call.status} " if call.status else ""
        self._reports.append(Ladder(call.wish.call, f"<- {shown}{text} (cause {cause})"))

    def _looked_at(self, name: str, status: int, body: Any, now: float) -> None:
        """After the connection was lost: is the channel still there, and answered?"""
        if status == 404:
            self._calls[name].reason = "Asterisk lost the call"
            self._feed(name, Input.DESTROYED, now)
        elif isinstance(body, Mapping) and body.get("state") == "Up":
            self._feed(name, Input.ANSWER, now)

    def _feed(self, name: str, given: Input, now: float) -> None:
        call = self._calls.get(name)
        step = None if call is None else CALL.get((call.state, given))
        if call is None or step is None:
            return
        call.state = step.state
        for action in step.actions:
            _ACTIONS[action](self, call, now)

    def _done(self, call: _Call, stage: Stage, body: Any, now: float) -> None:
        call.made.add(stage)
        if stage is Stage.TRUNK:
            self._trunks.add(call.wish.trunk)
        elif stage is Stage.MEDIA:
            self._note_media(call, body)
        self._feed(call.wish.call, Input.DONE, now)

    def _note_media(self, call: _Call, body: Any) -> None:
        try:
            variables = body["channelvars"]
            host, port = variables["UNICASTRTP_LOCAL_ADDRESS"], int(variables["UNICASTRTP_LOCAL_PORT"])
        except (KeyError, TypeError, ValueError):
            call.reason = "Asterisk does not say where it takes the audio"
        else:
            self._reports.append(MediaAt(call.wish.call, str(host), port))

    # --- the actions of the table

    def _go_on(self, call: _Call, now: float) -> None:
        if call.stage is Stage.MEDIA and call.reason:
            call.state = State.OVER
            self._close(call, now)
            return
        if call.stage is Stage.BRIDGE and len(call.entered) < _CHANNELS:
            call.state = State.ENTERING
            return
        stages = list(Stage)
        call.stage = stages[stages.index(call.stage) + 1]
        if call.stage is Stage.DIAL:
            # Events of the far end may be here before the answer to this order.
            call.state = State.DIALLING
            self._reports.append(
                Ladder(call.wish.call, f"-> INVITE by Asterisk, channel {self._prefix}{call.wish.call}")
            )
        self._order(call)

    def _report_ringing(self, call: _Call, now: float) -> None:
        if not call.ringing:
            call.ringing = True
            self._reports.append(Ladder(call.wish.call, f"<- {call.progress}"))
            self._reports.append(Ringing(call.wish.call, call.progress))

    def _report_answer(self, call: _Call, now: float) -> None:
        self._timers.cancel(call.wish.call)
        call.answered = True
        self._reports.append(Ladder(call.wish.call, "<- 200"))
        self._reports.append(Answered(call.wish.call))

    def _leave(self, call: _Call, now: float) -> None:
        name = call.wish.call
        self._timers.set(name, now + _LATE, lambda at: self._feed(name, Input.LATE, at))
        self._reports.append(Ladder(name, f"-> {'BYE' if call.answered else 'CANCEL'} by Asterisk"))
        self._tell_asterisk(name, "DELETE", f"/channels/{self._prefix}{name}")

    def _note_ring_out(self, call: _Call, now: float) -> None:
        call.cause = Disposition.RING_TIMEOUT

    def _note_cancelled(self, call: _Call, now: float) -> None:
        call.cause = Disposition.CANCELLED

    def _note_far_end_left(self, call: _Call, now: float) -> None:
        call.by_far_end = True

    def _close(self, call: _Call, now: float) -> None:
        name = call.wish.call
        del self._calls[name]
        self._timers.cancel(name)
        self._remove(name, call.made)
        self._reports.append(_end_of(call))

    # --- orders

    def _order(self, call: _Call) -> None:
        method, path, query, body = _PREPARE[call.stage](call.wish, f"{self._prefix}{call.wish.call}", self.app)
        self._orders.append(Order(call.wish.call, method, path, query, body, call.stage))

    def _remove(self, name: str, made: set[Stage]) -> None:
        """What is gone already is answered with 404, which nobody minds."""
        channel = f"{self._prefix}{name}"
        for stage, path in (
            (Stage.CHANNEL, f"/channels/{channel}"),
            (Stage.MEDIA, f"/channels/{channel}{_MEDIA}"),
            (Stage.BRIDGE, f"/bridges/{channel}{_BRIDGE}"),
        ):
            if stage in made:
                self._tell_asterisk(name, "DELETE", path)

    def _tell_asterisk(self, call: str, method: str, path: str, query: Mapping[str, str] | None = None) -> None:
        self._orders.append(Order(call, method, path, query or {}))


def _end_of(call: _Call) -> Report:
    name, release = call.wish.call, Release(text=call.reason)
    if call.answered:
        return Over(name, call.by_far_end, release)
    disposition, status = call.cause, call.status
    if disposition is None:
        if status in (401, 407):
            disposition = Disposition.AUTH_FAILED
        elif status == 408 and not call.ringing:
            disposition, status = Disposition.NO_REPLY, None
        elif status is not None:
            disposition = Disposition.REFUSED
        else:
            disposition = Disposition.TRANSPORT_ERROR if Stage.DIAL in call.made else Disposition.NOT_ADMITTED
    return Failed(name, disposition, status, call.reason, call.ringing, release)


_Request = tuple[str, str, Mapping[str, str], Mapping[str, Any] | None]


def _fields(values: Mapping[str, str]) -> Mapping[str, Any]:
    return {"fields": [{"attribute": name, "value": value} for name, value in values.items()]}


def _auth(wish: Wish, channel: str, app: str) -> _Request:
    return "PUT", f"/asterisk/config/dynamic/res_pjsip/auth/{wish.trunk}", {}, _fields(wish.auth)


def _trunk(wish: Wish, channel: str, app: str) -> _Request:
    return "PUT", f"/asterisk/config/dynamic/res_pjsip/endpoint/{wish.trunk}", {}, _fields(wish.endpoint)


def _channel(wish: Wish, channel: str, app: str) -> _Request:
    query = {
        "endpoint": f"PJSIP/{wish.trunk}/{wish.uri}",
        "app": app,
        "channelId": channel,
        "formats": wish.endpoint["allow"],
    }
    return "POST", "/channels/create", query, {"variables": dict(wish.variables)}


def _media(wish: Wish, channel: str, app: str) -> _Request:
    query = {"app": app, "channelId": channel + _MEDIA, "external_host": wish.media, "format": "ulaw"}
    return "POST", "/channels/externalMedia", query, None


def _bridge(wish: Wish, channel: str, app: str) -> _Request:
    return "POST", "/bridges", {"type": "mixing", "bridgeId": channel + _BRIDGE}, None


def _join(wish: Wish, channel: str, app: str) -> _Request:
    return "POST", f"/bridges/{channel}{_BRIDGE}/addChannel", {"channel": f"{channel},{channel}{_MEDIA}"}, None


def _dial(wish: Wish, channel: str, app: str) -> _Request:
    return "POST", f"/channels/{channel}/dial", {"timeout": str(int(wish.ring_timeout) + _BEYOND)}, None


_PREPARE: Mapping[Stage, Callable[[Wish, str, str], _Request]] = {
    Stage.AUTH: _auth,
    Stage.TRUNK: _trunk,
    Stage.CHANNEL: _channel,
    Stage.MEDIA: _media,
    Stage.BRIDGE: _bridge,
    Stage.JOIN: _join,
    Stage.DIAL: _dial,
}
_MAKES = (Stage.CHANNEL, Stage.MEDIA, Stage.BRIDGE)
_ACTIONS: Mapping[Action, Callable[[AriCalls, _Call, float], None]] = {
    Action.GO_ON: AriCalls._go_on,
    Action.REPORT_RINGING: AriCalls._report_ringing,
    Action.REPORT_ANSWER: AriCalls._report_answer,
    Action.LEAVE: AriCalls._leave,
    Action.NOTE_RING_OUT: AriCalls._note_ring_out,
    Action.NOTE_CANCELLED: AriCalls._note_cancelled,
    Action.NOTE_FAR_END_LEFT: AriCalls._note_far_end_left,
    Action.CLOSE: AriCalls._close,
}
