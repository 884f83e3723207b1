"""A user agent on a bench: time stands still until told, and the test is the far end."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, TypeVar

from common.control import Trunk
from mediaserver.switch.sip.events import InviteSpec, SipEvent
from mediaserver.switch.sip.message import Request, Response, parse_message
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.responses import REASONS, make_response
from mediaserver.switch.sip.sdp import make_offer
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.useragent import UserAgent

FAR = Address("127.0.0.1", 6000)
OFFER = make_offer("127.0.0.1", 40_000)
ANSWER = make_offer("127.0.0.1", 50_000)
SPEC = InviteSpec("call-1", "+12125550100", "+12125550199", "", Trunk(FAR.host, FAR.port), OFFER, ring_timeout=20.0)

Event = TypeVar("Event")


class SipBench:
    def __init__(self, **options: Any) -> None:
        counter = itertools.count(1)
        self.agent = UserAgent(Identity("127.0.0.1", 5080), token=lambda: f"token{next(counter):04d}", **options)
        self.now = 100.0
        self.sent: list[Request | Response] = []
        self.destinations: list[Address] = []
        self.events: list[SipEvent] = []

    def call(self, spec: InviteSpec = SPEC, **changes: object) -> Request:
        """Place a call; its INVITE."""
        self.agent.invite(replace(spec, **changes), FAR, self.now)
        self.collect()
        return self.requests("INVITE")[-1]

    def established(self, **changes: object) -> Request:
        """Place a call that is answered at once; its INVITE."""
        invite = self.call(**changes)
        self.reply(invite, 200, sdp=ANSWER)
        return invite

    def hang_up(self, call: str = "call-1") -> None:
        self.agent.hang_up(call, self.now)
        self.collect()

    def reply(
        self,
        request: Request,
        status: int,
        *,
        tag: str = "far",
        sdp: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        contact: str = "<sip:far@127.0.0.1:6001>",
    ) -> None:
        REASONS.setdefault(status, "Whatever")
        extra = ((("Contact", contact),) if contact else ()) + headers
        response = make_response(request, status, FAR, to_tag=tag if status > 100 else "", headers=extra, sdp=sdp)
        self.receive(response.serialize())

    def receive(self, data: bytes | str, source: Address = FAR) -> None:
        if isinstance(data, str):
            data = data.replace("\n", "\r\n").encode()
        self.agent.receive(data, source, self.now)
        self.collect()

    def far_request(
        self,
        invite: Request,
        method: str,
        *,
        cseq: int = 1,
        branch: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        local_tag: str | None = None,
        far_tag: str = "far",
        extra: str = "",
    ) -> None:
        """A request of the far end inside the call of `invite`."""
        number = len(self.sent)
        tag = invite.from_addr.tag if local_tag is None else local_tag
        head = (
            f"{method} sip:clarion@127.0.0.1:5080 SIP/2.0\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bK-{branch or f'{method}{cseq}-{number}'}\n"
            f"From: <sip:far@127.0.0.1>;tag={far_tag}\n"
            f"To: <sip:near@127.0.0.1>;tag={tag}\n"
            f"Call-ID: {invite.call_id}\nCSeq: {cseq} {method}\nContact: <sip:moved@127.0.0.1:6002>\n{extra}"
        )
        if body:
            head += f"Content-Type: {content_type}\n"
        head += f"Content-Length: {len(body)}\n\n"
        self.receive(head.replace("\n", "\r\n").encode() + body)

    def advance(self, seconds: float) -> None:
        """Let time pass, serving each deadline when it is due."""
        end = self.now + seconds
        while (due := self.agent.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.agent.handle_timer(self.now)
            self.collect()
        self.now = end

    def collect(self) -> None:
        for datagram in self.agent.datagrams():
            self.sent.append(parse_message(datagram.data))
            self.destinations.append(datagram.destination)
        self.events += self.agent.events()

    def requests(self, method: str) -> list[Request]:
        return [message for message in self.sent if isinstance(message, Request) and message.method == method]

    def responses(self) -> list[Response]:
        return [message for message in self.sent if isinstance(message, Response)]

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def assert_nothing_left(self) -> None:
        self.advance(200.0)
        assert self.agent.counts() == (0, 0, 0, 0)
