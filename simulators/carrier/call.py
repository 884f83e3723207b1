"""One incoming call at the called party's side (RFC 3261 UAS), from INVITE to the last ACK or BYE."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from simulators.carrier import message, sdp
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.customer import Customer
from simulators.carrier.media import Media
from simulators.carrier.message import Address, Message
from simulators.carrier.timers import Timer, Timers

T1 = 0.5
T2 = 4.0
#: Seconds a call is remembered after its end, to answer late retransmissions (64 * T1).
LINGER = 32.0
#: Direction offered -> direction answered (RFC 3264 6.1).
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class State(StrEnum):
    #: No final response yet.
    PROCEEDING = "proceeding"
    #: 200 sent, no ACK yet.
    ACCEPTED = "accepted"
    #: Talking.
    CONFIRMED = "confirmed"
    #: We sent BYE.
    LEAVING = "leaving"
    #: A final response of 300 and above was sent, no ACK yet.
    REFUSED = "refused"
    #: Over; kept only to answer retransmissions.
    OVER = "over"


class Input(StrEnum):
    #: The behaviour says: answer.
    ANSWER = "answer"
    #: The behaviour says: final status of 300 or more.
    REFUSE = "refuse"
    CANCEL = "cancel"
    ACK = "ack"
    BYE = "bye"
    #: The customer hangs up.
    HANG_UP = "hang up"
    #: Our BYE was answered.
    BYE_ANSWERED = "bye answered"
    #: 64 * T1 passed without the ACK or answer we wait for.
    TIMEOUT = "timeout"


TRANSITIONS: dict[State, dict[Input, State]] = {
    State.PROCEEDING: {
        Input.ANSWER: State.ACCEPTED,
        Input.REFUSE: State.REFUSED,
        Input.CANCEL: State.REFUSED,
        Input.BYE: State.REFUSED,
        Input.TIMEOUT: State.OVER,
    },
    State.ACCEPTED: {Input.ACK: State.CONFIRMED, Input.BYE: State.OVER, Input.TIMEOUT: State.LEAVING},
    State.CONFIRMED: {Input.BYE: State.OVER, Input.HANG_UP: State.LEAVING},
    State.LEAVING: {Input.BYE: State.OVER, Input.BYE_ANSWERED: State.OVER, Input.TIMEOUT: State.OVER},
    State.REFUSED: {Input.ACK: State.OVER, Input.TIMEOUT: State.OVER},
    State.OVER: {},
}


class Host(Protocol):
    """What a call needs of the carrier."""

    timers: Timers
    chance: random.Random

    def send(self, packet: bytes, to: Address) -> None: ...

    def via(self) -> str: ...

    def contact(self) -> str: ...

    def open_media(self, call: Call, remote: Address, codec: int, event_type: int | None) -> Media: ...

    def answered(self, call: Call) -> None: ...

    def over(self, call: Call) -> None: ...

    def forget(self, call: Call) -> None: ...


@dataclass(slots=True)
class _Asked:
    """A request of ours that waits for its final response."""

    method: str
    cseq: int
    branch: str
    packet: bytes
    then: Callable[[], None] | None = None
    timer: Timer | None = None


class Call:
    def __init__(self, host: Host, invite: Message, source: Address, behaviour: Behaviour, *, attempt: str) -> None:
        self.host = host
        self.invite = invite
        self.behaviour = behaviour
        self.attempt = attempt
        self.number = message.user_of(invite.uri)
        self.call_id = invite.call_id
        self.state = State.PROCEEDING
        #: How it ended: a status ("486"), "cancelled", "caller hung up", "customer hung up", "no ack", "no reply".
        self.outcome = ""
        self.media: Media | None = None
        self._source = source
        self._tag = f"{host.chance.getrandbits(48):012x}"
        self._offer = sdp.parse_offer(invite.body)
        self._last = b""
        self._acks_to_lose = behaviour.lost_acks
        self._cseq = 0
        self._sdp_version = 1
        self._asked: dict[int, _Asked] = {}
        self._timers: list[Timer] = []

    # --- what happens -----------------------------------------------------------------------------------

    def start(self) -> None:
        """The INVITE is accepted as a ring: send the provisional, arm the final."""
        behaviour = self.behaviour
        if behaviour.mute:
            self._after(LINGER, lambda: self._end(Input.TIMEOUT, "no reply"))
            return
        if behaviour.provisional == 183:
            self._early_media()
        elif behaviour.provisional:
            self._respond(behaviour.provisional)
        if not behaviour.final:
            return
        if behaviour.delay:
            self._after(behaviour.delay, self._final)
        else:
            self._final()

    def loses_packet(self) -> bool:
        return bool(self.behaviour.sip_loss) and self.host.chance.random() < self.behaviour.sip_loss

    def on_invite_again(self) -> None:
        """A retransmission: the last response once more (RFC 3261 17.2.1)."""
        if self._last:
            self._transmit(self._last)

    def on_reinvite(self, request: Message) -> None:
        """The caller changes the session; answer with the same port, mirrored direction."""
        offer = sdp.parse_offer(request.body)
        media = self.media
        if media is None or self.state is not State.CONFIRMED:
            self._transmit(message.response(request, 481, self._source, to_tag=self._tag))
            return
        direction = offer.direction if offer is not None else "sendrecv"
        media.held = direction in ("sendonly", "inactive")
        if offer is not None:
            media.remote = (offer.host, offer.port)
        self._sdp_version += 1
        body = self._describe(media, _MIRRORED.get(direction, "sendrecv"))
        self._transmit(self._with_body(request, 200, body))

    def on_cancel(self, request: Message) -> None:
        if self.behaviour.mute:
            return
        self._transmit(message.response(request, 200, self._source, to_tag=self._tag))
        if self.state is State.PROCEEDING:
            self._refuse(487, Input.CANCEL, "cancelled")

    def on_ack(self, ack: Message) -> None:
        if self._acks_to_lose and self.state is State.ACCEPTED:
            self._acks_to_lose -= 1
            return
        if self.state is State.REFUSED:
            self._end(Input.ACK)
        elif self.state is State.ACCEPTED:
            self._confirm(ack)

    def on_bye(self, request: Message) -> None:
        self._transmit(message.response(request, 200, self._source, to_tag=self._tag))
        if self.state is State.PROCEEDING:
            self._refuse(487, Input.BYE, "cancelled")
        elif Input.BYE in TRANSITIONS[self.state]:
            self._end(Input.BYE, "caller hung up")

    def on_response(self, response: Message) -> None:
        number, _ = response.cseq
        asked = self._asked.get(number)
        if response.status < 200:
            return
        if asked is None or asked.method == "INVITE":
            self._acknowledge(response, asked)
        if asked is not None:
            if asked.timer is not None:
                asked.timer.cancel()
            del self._asked[number]
            if asked.then is not None:
                asked.then()

    def hang_up(self) -> None:
        """The customer has had enough; before the ACK it may not be said (RFC 3261 15)."""
        if self.state is State.CONFIRMED:
            self._leave(Input.HANG_UP, "customer hung up")

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = {"outcome": self.outcome, "behaviour": self.behaviour.name}
        if self.media is not None:
            report["rtp"] = self.media.report()
            if self.media.customer is not None:
                customer = self.media.customer
                report["keys"] = " ".join(_masked(keys) for keys in customer.pressed)
                report["prompts"] = {"heard": customer.heard, "missed": customer.missed}
        return report

    # --- before the answer ------------------------------------------------------------------------------

    def _early_media(self) -> None:
        media = self._open_media()
        if media is not None:
            media.play_early(self.behaviour.early)
            self._respond(183, self._describe(media))

    def _final(self) -> None:
        if self.state is not State.PROCEEDING:
            return
        if self.behaviour.final >= 300:
            self._refuse(self.behaviour.final, Input.REFUSE, str(self.behaviour.final))
            return
        media = self._open_media()
        if media is None:
            self._refuse(488, Input.REFUSE, "488")
            return
        self._move(Input.ANSWER)
        self._respond(200, self._describe(media))
        self._repeat(T1, Input.TIMEOUT)
        self.host.answered(self)

    def _refuse(self, status: int, cause: Input, outcome: str) -> None:
        self._move(cause)
        self.outcome = outcome
        self._drop_timers()
        self._respond(status)
        self._repeat(T1, Input.TIMEOUT)

    def _open_media(self) -> Media | None:
        """The media session; None when there is no codec in common. Without an offer we offer PCMU (late offer)."""
        if self.media is None:
            preferred = sdp.PCMA if self.behaviour.codec == "pcma" else sdp.PCMU
            if self._offer is None:
                self.media = self.host.open_media(self, ("", 0), preferred, 101)
            else:
                codec = self._offer.choose(preferred)
                if codec is None:
                    return None
                remote = (self._offer.host, self._offer.port)
                self.media = self.host.open_media(self, remote, codec, self._offer.event_type)
        return self.media

    # --- the answered call ------------------------------------------------------------------------------

    def _confirm(self, ack: Message) -> None:
        self._move(Input.ACK)
        self._drop_timers()
        media = self.media
        if media is None:
            return
        late_answer = sdp.parse_offer(ack.body) if self._offer is None else None
        if late_answer is not None:
            media.remote = (late_answer.host, late_answer.port)
        behaviour = self.behaviour
        now = self.host.timers.clock()
        media.customer = Customer(behaviour.steps, behaviour.patience, now, pause=behaviour.pause)
        if self.behaviour.reinvite:
            self._after(self.behaviour.reinvite, lambda: self._change_session("sendonly"))
            self._after(self.behaviour.reinvite + 2, lambda: self._change_session("sendrecv"))

    def _change_session(self, direction: str) -> None:
        if self.state is State.CONFIRMED and self.media is not None:
            self._sdp_version += 1
            self._ask("INVITE", self._describe(self.media, direction))

    def _leave(self, cause: Input, outcome: str) -> None:
        self._move(cause)
        self.outcome = outcome
        self._drop_timers()
        self._ask("BYE", then=lambda: self._end(Input.BYE_ANSWERED))
        self._after(64 * T1, lambda: self._end(Input.TIMEOUT))

    def _ask(self, method: str, body: str = "", then: Callable[[], None] | None = None) -> None:
        """A request of ours inside the dialog, repeated until its final response (timers A, E)."""
        self._cseq += 1
        branch = f"z9hG4bK{self.host.chance.getrandbits(64):016x}"
        packet = self._dialog_request(method, self._cseq, branch, body)
        asked = _Asked(method, self._cseq, branch, packet, then)
        self._asked[self._cseq] = asked
        self._ask_again(asked, T1, self.host.timers.clock() + 64 * T1)

    def _ask_again(self, asked: _Asked, interval: float, deadline: float) -> None:
        self._transmit(asked.packet, self._target())
        if self.host.timers.clock() + interval < deadline:
            again = min(2 * interval, T2)
            asked.timer = self._after(interval, lambda: self._ask_again(asked, again, deadline))

    def _acknowledge(self, response: Message, asked: _Asked | None) -> None:
        number, method = response.cseq
        if method == "INVITE":
            fresh = f"z9hG4bK{self.host.chance.getrandbits(64):016x}"
            branch = asked.branch if asked is not None and response.status >= 300 else fresh
            self._transmit(self._dialog_request("ACK", number, branch), self._target())

    def _dialog_request(self, method: str, cseq: int, branch: str, body: str = "") -> bytes:
        to = self.invite.get("to")
        headers = [("Route", route) for route in self.invite.all("record-route")]
        headers.append(("Contact", f"<{self.host.contact()}>"))
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return message.request(
            method,
            message.uri_of(self.invite.get("contact")) or self.invite.uri,
            via=f"SIP/2.0/UDP {self.host.via()};branch={branch};rport",
            from_=to if message.tag(to) else f"{to};tag={self._tag}",
            to=self.invite.get("from"),
            call_id=self.call_id,
            cseq=cseq,
            headers=headers,
            body=body,
        )

    def _target(self) -> Address:
        routes = self.invite.all("record-route")
        address = message.host_of(routes[0] if routes else self.invite.get("contact"))
        return address if address is not None and address[0].replace(".", "").isdigit() else self._source

    # --- common -----------------------------------------------------------------------------------------

    def _respond(self, status: int, body: str = "") -> None:
        if self.behaviour.mute:
            return
        self._last = self._with_body(self.invite, status, body)
        self._transmit(self._last)

    def _with_body(self, request: Message, status: int, body: str) -> bytes:
        headers = [("Content-Type", "application/sdp")] if body else []
        if 100 < status < 400:
            contact = "sip:00@" + self.host.via() if status == 302 else self.host.contact()
            headers.append(("Contact", f"<{contact}>"))
        to_tag = "" if status == 100 else self._tag
        return message.response(request, status, self._source, to_tag=to_tag, headers=headers, body=body)

    def _describe(self, media: Media, direction: str = "") -> str:
        host = self.host.via().partition(":")[0]
        event_type = media.mouth.event_type
        return sdp.answer(host, media.port, media.codec, event_type, version=self._sdp_version, direction=direction)

    def _transmit(self, packet: bytes, to: Address | None = None) -> None:
        if not self.loses_packet():
            self.host.send(packet, to or self._source)

    def _repeat(self, interval: float, at_last: Input, spent: float = 0.0) -> None:
        """The final response again until its ACK (200: RFC 3261 13.3.1.4; others: timers G and H)."""
        waiting = self.state

        def again() -> None:
            if self.state is not waiting:
                return
            total = spent + interval
            if total >= 64 * T1:
                self._give_up(at_last)
                return
            self._transmit(self._last)
            self._repeat(min(2 * interval, T2, 64 * T1 - total), at_last, total)

        self._after(interval, again)

    def _give_up(self, cause: Input) -> None:
        if self.state is State.ACCEPTED:
            self._leave(cause, "no ack")
        else:
            self._end(cause, self.outcome or "no ack")

    def _end(self, cause: Input, outcome: str = "") -> None:
        if cause not in TRANSITIONS[self.state]:
            return
        self._move(cause)
        self.outcome = self.outcome or outcome
        self._drop_timers()
        self.host.over(self)
        self.host.timers.after(LINGER, lambda: self.host.forget(self))

    def _move(self, cause: Input) -> None:
        self.state = TRANSITIONS[self.state][cause]

    def _after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = self.host.timers.after(seconds, action)
        self._timers.append(timer)
        return timer

    def _drop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


def _masked(keys: str) -> str:
    """Long groups of keys (cards, their expiry) are written nowhere, test cards or not."""
    return keys if len(keys) < 4 else "•" * len(keys)
