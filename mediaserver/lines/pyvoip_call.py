"""One call of the `pyvoip` line: the library's texts and media, our order of events, all on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from common.control import Disposition
from common.masking import mask_text
from mediaserver.lines.base import Answered, Failed, Heard, HungUp, Key, Ladder, LineEvent, Place, Played, Ringing
from mediaserver.lines.pyvoip_phone import MediaClient, Message, Parties, TrunkClient, TrunkPhone
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.responses import make_response
from mediaserver.switch.sip.sdp import Codec, MediaTarget, SdpError, make_answer, parse_answer
from mediaserver.switch.sip.transaction import Address

_T2 = 4.0
#: How often the library's threads are looked at until they are gone.
REAP = 0.02


class _State(StrEnum):
    #: INVITE sent.
    INVITING = "inviting"
    #: Told to give up: CANCEL sent, or to be sent with the first provisional response.
    CANCELLING = "cancelling"
    UP = "up"
    #: BYE sent.
    CLOSING = "closing"
    OVER = "over"


class _Repeater:
    """Sends a request again until it is answered (timers A, B, E, F), then gives up after 64*T1."""

    def __init__(self, send: Callable[[], None], give_up: Callable[[], None], t1: float, ceiling: float) -> None:
        self._send, self._interval, self._ceiling = send, t1, ceiling
        self._loop = asyncio.get_running_loop()
        self._give_up = self._loop.call_later(64 * t1, give_up)
        self._next = self._loop.call_later(t1, self._again)
        send()

    def quieten(self) -> None:
        """A provisional response came: no repetition, no end."""
        self._next.cancel()
        self._give_up.cancel()

    stop = quieten

    def _again(self) -> None:
        self._send()
        self._interval = min(self._interval * 2, self._ceiling)
        self._next = self._loop.call_later(self._interval, self._again)


class CallHolder(Protocol):
    """What a call needs of its line."""

    host: str
    t1: float

    def tell(self, event: LineEvent) -> None: ...

    def forget(self, call: PyVoipCall) -> None: ...


class PyVoipCall:
    """One call: the library's texts and media, our order of events. Everything runs on the event loop."""

    def __init__(self, line: CallHolder, phone: TrunkPhone, place: Place, parties: Parties) -> None:
        self.line, self.place = line, place
        self.sip: TrunkClient = phone.sip
        self.parties = parties
        self.call_id = self.sip.gen_call_id()
        self.state = _State.INVITING
        self.media = MediaClient(line.host, self._on_key, self._on_played, self._on_audio)
        self.credentials = Credentials(place.trunk.username, place.trunk.password, self.sip.gen_tag)
        self.provisional = self.heard = self.cancelled = self.by_far_end = self.answered = False
        self.cause: Disposition | None = None
        self.status: int | None = None
        self.reason = ""
        self.remote_tag = ""
        self.invite = ""
        self.ack = ""
        self.repeater: _Repeater | None = None
        self.timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._invite([])
        self.timers.append(self._loop.call_later(self.place.ring_timeout, self.give_up, Disposition.RING_TIMEOUT))

    def give_up(self, cause: Disposition) -> None:
        """CANCEL, BYE or nothing more to do, as the state asks."""
        if self.state is _State.UP:
            self._bye()
        elif self.state is _State.INVITING:
            self.state, self.cause = _State.CANCELLING, cause
            if self.heard:
                self._cancel()

    def on_response(self, message: Message, raw: bytes) -> None:
        self.tell(
            Ladder(self.place.call, f"<- {message.code} {mask_text(message.reason[:60])} ({message.answered_method})")
        )
        if message.answered_method == "BYE":
            self._on_bye_response(message)
        elif message.answered_method == "INVITE" and self.state in (_State.INVITING, _State.CANCELLING):
            self._on_invite_response(message, raw)
        elif message.answered_method == "INVITE" and message.code >= 200 and self.ack:
            self.send(self.ack)

    def on_request(self, request: Request, source: Address) -> None:
        self.tell(Ladder(self.place.call, f"<- {request.method}"))
        if request.method == "BYE":
            self.reply(make_response(request, 200, source))
            if self.state is _State.UP:
                self.by_far_end = True
                self._over()
        elif request.method in ("INVITE", "UPDATE") and self.state is _State.UP:
            self.reply(self._reoffer(request, source))
        elif request.method == "OPTIONS":
            self.reply(make_response(request, 200, source))
        else:
            self.reply(make_response(request, 481, source))

    def matches(self, request: Request) -> bool:
        return (
            bool(self.remote_tag)
            and request.from_addr.tag == self.remote_tag
            and request.to_addr.tag == self.sip.tagLibrary.get(self.call_id)
        )

    def send(self, text: str) -> None:
        self.tell(Ladder(self.place.call, f"-> {text.partition(' ')[0]}"))
        self.sip.transmit(text)

    def reply(self, response: Response) -> None:
        self.tell(Ladder(self.place.call, f"-> {response.status} {response.reason}"))
        self.sip.transmit(response.serialize().decode("utf-8", "surrogateescape"))

    def tell(self, event: LineEvent) -> None:
        if self.state is not _State.OVER:
            self.line.tell(event)

    def on_refused(self) -> None:
        """The network gave our INVITE back."""
        if self.state in (_State.INVITING, _State.CANCELLING) and not self.heard:
            self.cause, self.reason = Disposition.TRANSPORT_ERROR, "the network refused the INVITE"
            self._over()

    def abandon(self) -> None:
        self.cause = self.cause or Disposition.CANCELLED
        self._over()

    # --- the INVITE

    def _invite(self, headers: list[tuple[str, str]]) -> None:
        self.invite = self.sip.gen_tagged_invite(self.call_id, self.parties, self.media.inPort, headers)
        self.repeater = _Repeater(lambda: self.send(self.invite), self._no_reply, self.line.t1, 64 * self.line.t1)

    def _on_invite_response(self, message: Message, raw: bytes) -> None:
        if self.repeater is not None:
            self.repeater.quieten()
        self.heard = True
        if message.code < 200:
            self._on_provisional(message)
            return
        self.status, self.reason = message.code, message.reason
        authorization = [(name, value) for name, value in _headers(self.invite) if "uthorization" in name]
        self.ack = self.sip.gen_in_call("ACK", self.invite, message, authorization)
        self.send(self.ack)
        if message.code < 300:
            self._on_answer(message)
        elif message.code in (401, 407) and self.state is _State.INVITING:
            self._on_challenge(raw)
        else:
            self._over()

    def _on_provisional(self, message: Message) -> None:
        if message.code > 100 and not self.provisional:
            self.provisional = True
            if self.state is _State.INVITING:
                self.tell(Ringing(self.place.call, message.code))
        if self.state is _State.CANCELLING and not self.cancelled:
            self._cancel()

    def _on_answer(self, message: Message) -> None:
        self.remote_tag = message.to_tag
        self._answer = message
        if self.state is _State.CANCELLING:
            self.reason = "answered while being cancelled; hung up at once"
            self._bye()
            return
        try:
            target = parse_answer(message.sdp)
            if target.codec is not Codec.PCMU:
                raise SdpError("the pyvoip line speaks PCMU only")
        except SdpError as error:
            self.status, self.reason = 488, f"the answer's media cannot be used: {error}"
            self._bye()
            return
        self._direct(target)
        self.media.start()
        self.state, self.answered = _State.UP, True
        self._cancel_timers()
        self.tell(Answered(self.place.call))

    def _on_challenge(self, raw: bytes) -> None:
        challenge = parse_message(raw)
        problem = self.credentials.accept(challenge) if isinstance(challenge, Response) else ""
        if problem:
            self.cause, self.reason = Disposition.AUTH_FAILED, problem
            self._over()
        else:
            self.heard = False
            self._invite(self.credentials.headers("INVITE", self.parties.target))

    def _no_reply(self) -> None:
        if self.cause is not Disposition.CANCELLED:
            self.cause = Disposition.NO_REPLY
        self.reason = "no response to the INVITE"
        self._over()

    def _cancel(self) -> None:
        self.cancelled = True
        self.send(self.sip.gen_cancel(self.invite))
        self.timers.append(self._loop.call_later(64 * self.line.t1, self._over))

    # --- the dialog

    def _bye(self) -> None:
        self.state = _State.CLOSING
        self.media.stop()
        self._cancel_timers()
        headers = self.credentials.headers("BYE", self._answer.contact() or self.parties.target)
        text = self.sip.gen_in_call("BYE", self.invite, self._answer, headers)
        self.repeater = _Repeater(lambda: self.send(text), self._over, self.line.t1, _T2)

    def _on_bye_response(self, message: Message) -> None:
        if self.state is _State.CLOSING and message.code >= 200:
            self._over()

    def _reoffer(self, request: Request, source: Address) -> Response:
        """Hold, resume or a moved address: answered with our one codec where the far end offers it."""
        try:
            target = parse_answer(request.sdp)
            codecs = tuple(pair for pair in target.payload_types if pair[1] is Codec.PCMU)
            if not codecs:
                raise SdpError("no PCMU")
        except SdpError:
            return make_response(request, 488, source)
        self._direct(target)
        answer = make_answer(target, self.line.host, self.media.inPort)
        contact = Identity(self.line.host, self.sip.myPort).contact
        return make_response(request, 200, source, headers=(("Contact", contact),), sdp=answer)

    def _direct(self, target: MediaTarget) -> None:
        self.media.direct(target.ip, target.port, target.telephone_event, target.wants_audio)

    # --- the end

    def _cancel_timers(self) -> None:
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()

    def _over(self) -> None:
        """Stop everything; the event follows when the library's threads are gone and the port is free."""
        if self.repeater is not None:
            self.repeater.stop()
        self._cancel_timers()
        self.media.stop()
        self.media.stop_play()
        self.state = _State.CLOSING
        self._reap()

    def _reap(self) -> None:
        if self.state is _State.OVER:
            return
        if not self.media.finished():
            self.timers.append(self._loop.call_later(REAP, self._reap))
            return
        if self.answered:
            end: LineEvent = HungUp(self.place.call, self.by_far_end, self.media.stats())
        else:
            disposition = self.cause or Disposition.REFUSED
            end = Failed(self.place.call, disposition, self.status, self.reason, self.provisional)
        self.state = _State.OVER
        self.line.forget(self)
        self.line.tell(end)

    # --- called on the media threads

    def _on_key(self, key: str) -> None:
        self._loop.call_soon_threadsafe(self.tell, Key(self.place.call, key))

    def _on_played(self, play: int, completed: bool, heard_ms: int) -> None:
        self._loop.call_soon_threadsafe(self.tell, Played(self.place.call, play, completed, heard_ms))

    def _on_audio(self, audio: bytes) -> None:
        self._loop.call_soon_threadsafe(self.tell, Heard(self.place.call, audio))


def _headers(request: str) -> list[tuple[str, str]]:
    lines = request.partition("\r\n\r\n")[0].split("\r\n")[1:]
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
