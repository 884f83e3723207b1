"""A telephone that takes a call and presses its keys as one of `key_styles`; SIP and RTP by plain sockets."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket

from tests.support.key_styles import EVENT_TYPE, STYLES, Info, Style, timeline

_SDP = "v=0\r\no=far 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n"


class KeyFar(asyncio.DatagramProtocol):
    """Calls to `sip:kN@` press `plans[N]`, (style's name, keys), each `speed` times as fast as a person's telephone."""

    def __init__(self, plans: list[tuple[str, str]], speed: float = 1.0) -> None:
        self.plans = plans
        self.port = 0
        self._speed = speed
        self._transport: asyncio.DatagramTransport | None = None
        self._calls: dict[str, _Call] = {}

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        for call in self._calls.values():
            await call.close()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0"):
            return
        call_id = _header(text, "Call-ID")
        method = text.partition(" ")[0]
        if method == "INVITE" and call_id not in self._calls:
            number = re.match(r"INVITE sip:k(\d+)@", text)
            assert number is not None, text[:80]
            name, keys = self.plans[int(number[1])]
            self._calls[call_id] = _Call(self, STYLES[name], keys, int(number[1]), text, source)
        call = self._calls[call_id]
        if method == "INVITE":
            self.send(call.answer(), source)
        elif method == "ACK":
            call.begin(self._speed)
        else:
            self.send(call.respond(text), source)

    def send(self, text: str, to: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(text.encode(), to)


class _Call:
    def __init__(self, far: KeyFar, style: Style, keys: str, number: int, invite: str, source: tuple[str, int]) -> None:
        self._far = far
        self._style = style
        self._invite = invite
        self._source = source
        self._tag = secrets.token_hex(4)
        self._sequence = 0
        self._sent = timeline(style, keys, seed=number)
        media = re.search(r"m=audio (\d+)", invite)
        assert media is not None
        self._media = ("127.0.0.1", int(media[1]))
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._task: asyncio.Task[None] | None = None

    def answer(self) -> str:
        formats = str(self._style.codec) + (f" {EVENT_TYPE}" if self._style.takes_events else "")
        body = _SDP.format(port=self._sock.getsockname()[1], formats=formats)
        if self._style.takes_events:
            body += f"a=rtpmap:{EVENT_TYPE} telephone-event/8000\r\n"
        return self._response(self._invite, body)

    def respond(self, request: str) -> str:
        return self._response(request, "")

    def begin(self, speed: float) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._press(speed))

    async def close(self) -> None:
        if self._task is not None:
            await self._task
        self._sock.close()

    async def _press(self, speed: float) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for at, what in self._sent:
            await asyncio.sleep(max(0.0, begun + at / 1000 / speed - loop.time()))
            if isinstance(what, Info):
                self._request("INFO", f"Content-Type: {what.content_type}\r\n", what.body)
            else:
                self._sock.sendto(what, self._media)
        await asyncio.sleep(0.2)
        self._request("BYE", "", "")

    def _response(self, request: str, body: str) -> str:
        to = _header(request, "To")
        lines = ["SIP/2.0 200 OK", *(line for line in request.split("\r\n") if line.startswith("Via:"))]
        lines += [f"From: {_header(request, 'From')}", f"To: {to if 'tag=' in to else f'{to};tag={self._tag}'}"]
        lines += [f"Call-ID: {_header(request, 'Call-ID')}", f"CSeq: {_header(request, 'CSeq')}"]
        lines += [f"Contact: <sip:far@127.0.0.1:{self._far.port}>"]
        return _message(lines, "Content-Type: application/sdp\r\n" if body else "", body)

    def _request(self, method: str, headers: str, body: str) -> None:
        self._sequence += 1
        contact = re.search(r"<([^>]+)>", _header(self._invite, "Contact"))
        assert contact is not None
        lines = [
            f"{method} {contact[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._far.port};branch=z9hG4bK{secrets.token_hex(6)}",
            "Max-Forwards: 70",
            f"From: {_header(self._invite, 'To')};tag={self._tag}",
            f"To: {_header(self._invite, 'From')}",
            f"Call-ID: {_header(self._invite, 'Call-ID')}",
            f"CSeq: {self._sequence} {method}",
        ]
        self._far.send(_message(lines, headers, body), self._source)


def _message(lines: list[str], headers: str, body: str) -> str:
    return "\r\n".join(lines) + f"\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE)
    assert found is not None, name
    return found[1]
