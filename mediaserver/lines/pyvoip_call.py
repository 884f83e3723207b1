"""One call of the `pyvoip` line: the library's texts and media, our order of events, all on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from common.control import Disposition
from mediaserver.lines.base import Answered, Failed, Heard, HungUp, Key, Ladder, LineEvent, Place, Played, Ringing
from mediaserver.lines.pyvoip_phone import MediaClient, Message, Parties, TrunkClient, TrunkPhone
from mediaserver.switch.sip.call_table import CALL, CallAction, CallInput, CallState
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.requests import Identity, attempt_header
from mediaserver.switch.sip.responses import make_response
from mediaserver.switch.sip.sdp import Codec, MediaTarget, SdpError, make_answer, parse_answer
from mediaserver.switch.sip.transaction import Address

_T2 = 4.0
#: How often the library's threads are looked at until they are gone.
REAP = 0.02


class _Repeater:
    """Sends a request again until it is answered (timers A, B, E, F), then gives up after 64*T1."""

    def __init__(self, send: Callable[[], None], give_up: Callable[[], None], t1: float, ceiling: float) -> None:
        self._send, self._interval, self._ceiling = send, t1, ceiling
        self._loop = asyncio.get_running_loop()
        self._give_up = self._loop.call_later(64 * t1, give_up)
        self._next = self._loop.call_later(t1, self._again)
        send()

    def stop(self) -> None:
        self._next.cancel()
        self._give_up.cancel()

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
    """One call: the library's texts and media, the order of events of `call_table`. All on the event loop."""

    def __init__(self, line: CallHolder, phone: TrunkPhone, place: Place, parties: Parties) -> None:
        self.line, self.place = line, place
        self.sip: TrunkClient = phone.sip
        self.parties = parties
        self.call_id = self.sip.gen_call_id()
        self.state = CallState.INVITING
        self.media = MediaClient(line.host, self._on_key, self._on_played, self._on_audio)
        self.credentials = Credentials(place.trunk.username, place.trunk.password, self.sip.gen_tag)
        self.provisional = self.by_far_end = self.answered = self.gone = False
        self.cause: Disposition | None = None
        self.status: int | None = None
        self.reason = ""
        self.remote_tag = ""
        self.invite = ""
        #: The ACKs sent, by CSeq number: a repeated final response is answered from here.
        self.acks: dict[str, str] = {}
        self._answer: Message | None = None
        self._repeater: _Repeater | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._invite([])
        self._later(self.place.ring_timeout, CallInput.RING_TIMER)

    def feed(self, given: CallInput) -> None:
        step = CALL.get((self.state, given))
        if step is None:
            return
        self.state = step.state
        for action in step.actions:
            _ACTIONS[action](self)
        if self.state is CallState.OVER:
            self.end()

    def on_response(self, message: Message, raw: bytes) -> None:
        method = "" if message.answered_method == "INVITE" else f" ({message.answered_method})"
        self.tell(Ladder(self.place.call, f"<- {message.code} {message.reason}{method}"))
        if message.answered_method == "BYE":
            if message.code >= 200:
                self.feed(CallInput.BYE_DONE)
        elif message.answered_method == "INVITE":
            if message.cseq in self.acks and message.code >= 200:
                self.send(self.acks[message.cseq])
            elif message.cseq not in self.acks and self.state in _BEFORE_ANSWER:
                self._on_invite_response(message, raw)

    def on_request(self, request: Request, source: Address) -> None:
        self.tell(Ladder(self.place.call, f"<- {request.method}"))
        if request.method in ("BYE", "OPTIONS"):
            self.reply(make_response(request, 200, source))
        elif request.method in ("INVITE", "UPDATE") and self.state is CallState.UP:
            self.reply(self._reoffer(request, source))
        else:
            self.reply(make_response(request, 481, source))
        if request.method == "BYE":
            self.feed(CallInput.BYE)

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
        if not self.gone:
            self.line.tell(event)

    def end(self) -> None:
        """Stop everything; the event follows when the library's threads are gone and the port is free."""
        if self.state is not CallState.OVER:
            self.cause = self.cause or Disposition.CANCELLED
            self.state = CallState.OVER
        if self._repeater is not None:
            self._repeater.stop()
        self._cancel_timers()
        self.media.stop()
        self.media.stop_play()
        self._reap()

    # --- the INVITE

    def _invite(self, headers: list[tuple[str, str]]) -> None:
        headers = [*attempt_header(self.place.call), *headers]
        self.invite = self.sip.gen_tagged_invite(self.call_id, self.parties, self.media.inPort, headers)
        self._repeat(self.invite, CallInput.NO_REPLY, 64 * self.line.t1)

    def _repeat(self, text: str, given_up: CallInput, ceiling: float) -> None:
        self._repeater = _Repeater(lambda: self.send(text), lambda: self.feed(given_up), self.line.t1, ceiling)

    def _on_invite_response(self, message: Message, raw: bytes) -> None:
        if self._repeater is not None:
            self._repeater.stop()
        if message.code < 200:
            self._on_provisional(message)
            return
        self.status, self.reason = message.code, message.reason
        if message.code < 300:
            self._on_answer(message)
            return
        self._acknowledge(message)
        self.feed(self._judge(message, raw))

    def _on_provisional(self, message: Message) -> None:
        if message.code > 100 and not self.provisional:
            self.provisional = True
            if self.state in (CallState.INVITING, CallState.PROCEEDING):
                self.tell(Ringing(self.place.call, message.code))
        self.feed(CallInput.PROVISIONAL)

    def _on_answer(self, message: Message) -> None:
        self.remote_tag, self._answer = message.to_tag, message
        try:
            target = parse_answer(message.sdp)
            if target.codec is not Codec.PCMU:
                raise SdpError("the pyvoip line speaks PCMU only")
        except SdpError as error:
            self.reason = f"the answer's media cannot be used: {error}"
            self.feed(CallInput.UNUSABLE)
        else:
            self._direct(target)
            self.feed(CallInput.ANSWER)

    def _judge(self, message: Message, raw: bytes) -> CallInput:
        challenge = parse_message(raw) if message.code in (401, 407) else None
        if not isinstance(challenge, Response):
            return CallInput.REFUSAL
        problem = self.credentials.accept(challenge)
        if not problem and self.state in (CallState.INVITING, CallState.PROCEEDING):
            return CallInput.CHALLENGE
        self.reason = problem or self.reason
        return CallInput.REFUSAL

    def _acknowledge(self, message: Message) -> None:
        authorization = [(name, value) for name, value in _headers(self.invite) if "uthorization" in name]
        self.acks[message.cseq] = self.sip.gen_in_call("ACK", self.invite, message, authorization)
        self.send(self.acks[message.cseq])

    # --- the actions of the table

    def _acknowledge_answer(self) -> None:
        self._cancel_timers()
        if self._answer is not None:
            self._acknowledge(self._answer)

    def _report_established(self) -> None:
        self.answered = True
        self.media.start()
        self.tell(Answered(self.place.call))

    def _invite_again(self) -> None:
        self._invite(self.credentials.headers("INVITE", self.parties.target))

    def _send_cancel(self) -> None:
        self.send(self.sip.gen_cancel(self.invite))
        self._later(64 * self.line.t1, CallInput.CANCEL_TIMER)

    def _send_bye(self) -> None:
        self.media.stop()
        if self._answer is not None:
            headers = self.credentials.headers("BYE", self._answer.contact() or self.parties.target)
            text = self.sip.gen_in_call("BYE", self.invite, self._answer, headers)
            self._repeat(text, CallInput.BYE_DONE, _T2)

    def _abandon(self) -> None:
        self.reason = "the far end did not answer the CANCEL"

    def _note_ring_out(self) -> None:
        self.cause = Disposition.RING_TIMEOUT

    def _note_cancelled(self) -> None:
        self.cause = Disposition.CANCELLED

    def _note_no_reply(self) -> None:
        if self.cause is not Disposition.CANCELLED:
            self.cause = Disposition.NO_REPLY
        self.reason = "no response to the INVITE"

    def _note_unreachable(self) -> None:
        self.cause, self.reason = Disposition.TRANSPORT_ERROR, "the network refused the INVITE"

    def _note_crossed(self) -> None:
        self.reason = "answered while being cancelled; hung up at once"

    def _note_far_end_left(self) -> None:
        self.by_far_end = True

    # --- the dialog

    def _reoffer(self, request: Request, source: Address) -> Response:
        """Hold, resume or a moved address: answered where the far end offers our one codec."""
        try:
            target = parse_answer(request.sdp)
            if target.codec is not Codec.PCMU:
                raise SdpError("the pyvoip line speaks PCMU only")
        except SdpError:
            return make_response(request, 488, source)
        self._direct(target)
        answer = make_answer(target, self.line.host, self.media.inPort)
        contact = Identity(self.line.host, self.sip.myPort).contact
        return make_response(request, 200, source, headers=(("Contact", contact),), sdp=answer)

    def _direct(self, target: MediaTarget) -> None:
        self.media.direct(target.ip, target.port, target.telephone_event, target.wants_audio)

    # --- the end

    def _later(self, seconds: float, given: CallInput) -> None:
        self._timers.append(self._loop.call_later(seconds, self.feed, given))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _reap(self) -> None:
        if self.gone:
            return
        if not self.media.finished():
            self._timers.append(self._loop.call_later(REAP, self._reap))
            return
        end = self._outcome()
        self.gone = True
        # What leads back to us goes, so that nothing waits for the collector.
        self._timers.clear()
        self._repeater = None
        self.line.forget(self)
        self.line.tell(end)

    def _outcome(self) -> HungUp | Failed:
        if self.answered:
            return HungUp(self.place.call, self.by_far_end, self.media.stats())
        disposition, status = self.cause, self.status
        if disposition is None:
            disposition = Disposition.AUTH_FAILED if status in (401, 407) else Disposition.REFUSED
            # A 2xx that ends here brought no usable media: we refused it.
            status = 488 if status is not None and status < 300 else status
        return Failed(self.place.call, disposition, status, self.reason, self.provisional)

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


_BEFORE_ANSWER = (CallState.INVITING, CallState.PROCEEDING, CallState.CANCEL_WAITING, CallState.CANCELLING)
_ACTIONS: Mapping[CallAction, Callable[[PyVoipCall], None]] = {
    CallAction.ACKNOWLEDGE: PyVoipCall._acknowledge_answer,
    CallAction.REPORT_ESTABLISHED: PyVoipCall._report_established,
    CallAction.INVITE_AGAIN: PyVoipCall._invite_again,
    CallAction.SEND_CANCEL: PyVoipCall._send_cancel,
    CallAction.SEND_BYE: PyVoipCall._send_bye,
    CallAction.ABANDON: PyVoipCall._abandon,
    CallAction.NOTE_RING_OUT: PyVoipCall._note_ring_out,
    CallAction.NOTE_CANCELLED: PyVoipCall._note_cancelled,
    CallAction.NOTE_NO_REPLY: PyVoipCall._note_no_reply,
    CallAction.NOTE_UNREACHABLE: PyVoipCall._note_unreachable,
    CallAction.NOTE_CROSSED: PyVoipCall._note_crossed,
    CallAction.NOTE_FAR_END_LEFT: PyVoipCall._note_far_end_left,
}
