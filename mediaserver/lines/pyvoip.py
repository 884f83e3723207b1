"""The `pyvoip` line: the pyVoIP library behind the `Line` port, for small sites.

Limits, all of the library: UDP and IPv4 only, PCMU only, two threads a call (hence `capacity`), no sending of keys,
no Route headers (everything goes to the trunk's own address), no session timers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from dataclasses import replace

import structlog

from common.control import Disposition
from common.errors import Refused
from common.tasks import Tasks, note_failure
from mediaserver.lines.base import (
    Capability,
    Conversation,
    Failed,
    LineEvent,
    Place,
    Sink,
    Unsupported,
)
from mediaserver.lines.pyvoip_call import PyVoipCall
from mediaserver.lines.pyvoip_phone import Message, Parties, TrunkClient, TrunkPhone
from mediaserver.switch.sip.call_table import CallInput
from mediaserver.switch.sip.events import InviteSpec
from mediaserver.switch.sip.message import Request, parse_message
from mediaserver.switch.sip.requests import Identity, check_spec, sender_uri, target_uri
from mediaserver.switch.sip.responses import make_response
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError

log = structlog.get_logger()

#: Calls at a time: two threads each; beyond it the library's audio falls apart.
CAPACITY = 50
_OUR_INVITE = re.compile(rb"INVITE .*?\r\nCall-ID: ([^\r\n]+)", re.DOTALL)


class PyVoipLine:
    """`host` is the IPv4 address to bind; `t1` (seconds) is shrunk by tests."""

    capabilities = frozenset({Capability.CANCEL, Capability.FINAL_STATUS, Capability.LISTEN})

    def __init__(self, host: str = "127.0.0.1", *, capacity: int = CAPACITY, t1: float = 0.5) -> None:
        self.host, self.t1 = host, t1
        self._capacity = capacity
        self._calls: dict[str, PyVoipCall] = {}
        self._by_call_id: dict[str, PyVoipCall] = {}
        self._phones: dict[tuple[str, int], TrunkPhone] = {}
        self._ghosts: dict[str, tuple[dict[str, str], asyncio.TimerHandle]] = {}
        self._resolving: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()
        self._sink: Sink | None = None
        self._empty = asyncio.Event()

    async def start(self, sink: Sink) -> None:
        self._sink = sink

    async def close(self, grace: float = 2.0) -> None:
        """Hang up what is up, wait `grace` seconds at most, free ports, descriptors and threads."""
        for call in (*self._resolving, *self._calls):
            self.hang_up(call)
        await self._emptied(grace)
        for left in tuple(self._calls.values()):
            left.end()
        await self._emptied(1.0)
        for _, timer in self._ghosts.values():
            timer.cancel()
        self._ghosts.clear()
        for phone in self._phones.values():
            phone.sip.stop()
        self._phones.clear()

    def place(self, call: Place) -> None:
        problem = self._problem(call)
        if problem:
            failed = Failed(call.call, Disposition.NOT_ADMITTED, None, problem, provisional=False)
            asyncio.get_running_loop().call_soon(self.tell, failed)
            return
        if _is_ip(call.trunk.host):
            self._dial(call, call.trunk.host)
        else:
            self._resolving[call.call] = self._tasks.start(self._resolve(call), lambda error: self._lost(call, error))

    def hang_up(self, call: str) -> None:
        task = self._resolving.pop(call, None)
        if task is not None:
            task.cancel()
            self.tell(Failed(call, Disposition.CANCELLED, None, "", provisional=False))
        elif call in self._calls:
            self._calls[call].feed(CallInput.HANG_UP)

    def play(self, call: str, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        if call in self._calls:
            self._calls[call].media.play(play, b"".join(clips), stop_on_key)

    def stop_play(self, call: str) -> None:
        if call in self._calls:
            self._calls[call].media.stop_play()

    def listen(self, call: str, on: bool) -> None:
        if call in self._calls:
            self._calls[call].media.listening = on

    def answer(self, call: str) -> None:
        raise Unsupported("the pyvoip line takes no calls")

    def refuse(self, call: str, status: int) -> None:
        raise Unsupported("the pyvoip line takes no calls")

    def signs(self, call: str) -> int | None:
        return None

    def tap(self, call: str, on: bool) -> None:
        raise Unsupported("the pyvoip line cannot record calls")

    def send_keys(self, call: str, keys: str) -> None:
        raise Unsupported("the pyvoip line cannot send keys")

    def transfer(self, call: str, target: str) -> None:
        raise Unsupported("the pyvoip line cannot transfer calls")

    def tell_transfer(self, call: str, status: int) -> None:
        raise Unsupported("the pyvoip line has no phones that ask for transfers")

    def conversation(self) -> Conversation:
        raise Unsupported("the pyvoip line cannot join calls")

    def tell(self, event: LineEvent) -> None:
        if self._sink is not None:
            self._sink(event)

    def forget(self, call: PyVoipCall) -> None:
        """The call is over; its final response is still acknowledged when it is repeated (64*T1)."""
        self._calls.pop(call.place.call, None)
        self._by_call_id.pop(call.call_id, None)
        call.sip.tagLibrary.pop(call.call_id, None)
        if not self._calls:
            self._empty.set()
        if call.acks:
            timer = asyncio.get_running_loop().call_later(64 * self.t1, self._ghosts.pop, call.call_id, None)
            self._ghosts[call.call_id] = (call.acks, timer)

    def _problem(self, call: Place) -> str:
        """Why the call cannot be placed, "" when it can."""
        if len(self._calls) + len(self._resolving) >= self._capacity:
            return f"the pyvoip line carries {self._capacity} calls at a time and all are taken; use the native line"
        if call.trunk.transport != "udp":
            return f"trunk.transport: the pyvoip line speaks no {call.trunk.transport}; use the native line"
        try:
            check_spec(_spec(call))
        except Refused as error:
            return str(error)
        return ""

    async def _resolve(self, call: Place) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(call.trunk.host, call.trunk.port, family=2)
        except (OSError, UnicodeError):
            self._resolving.pop(call.call, None)
            reason = "the trunk's host name cannot be resolved"
            self.tell(Failed(call.call, Disposition.TRANSPORT_ERROR, None, reason, provisional=False))
        else:
            self._resolving.pop(call.call, None)
            self._dial(call, str(found[0][4][0]))

    def _lost(self, call: Place, error: Exception) -> None:
        """Out of descriptors, say: nothing of it has left."""
        note_failure("pyvoip", error, call=call.call)
        self._resolving.pop(call.call, None)
        reason = f"it was not placed: {type(error).__name__}"
        self.tell(Failed(call.call, Disposition.TRANSPORT_ERROR, None, reason, provisional=False))

    def _dial(self, place: Place, host: str) -> None:
        key = (host, place.trunk.port)
        phone = self._phones.get(key)
        if phone is None:
            phone = self._phones[key] = TrunkPhone(host, place.trunk.port, self.host)
            client = phone.sip
            client.listen(lambda data, source: self._received(client, data, source), self._refused)
        identity = Identity(self.host, phone.sip.myPort)
        parties = Parties(target_uri(_spec(place)), sender_uri(_spec(place), identity), place.display_name)
        call = PyVoipCall(self, phone, place, parties)
        self._calls[place.call] = self._by_call_id[call.call_id] = call
        call.start()

    def _received(self, client: TrunkClient, data: bytes, source: Address) -> None:
        try:
            if data.startswith(b"SIP/"):
                self._on_response(client, Message(data), data)
            elif data.strip(b"\r\n\0 "):
                self._on_request(client, data, source)
        except (ParseError, KeyError, ValueError, IndexError, AttributeError) as error:
            # The library's parser answers malformed input with any of these.
            log.info("pyvoip.unreadable_datagram", error=type(error).__name__)

    def _on_response(self, client: TrunkClient, message: Message, raw: bytes) -> None:
        call_id = str(message.headers["Call-ID"])
        call = self._by_call_id.get(call_id)
        if call is not None:
            call.on_response(message, raw)
        elif call_id in self._ghosts and message.answered_method == "INVITE" and message.code >= 200:
            ack = self._ghosts[call_id][0].get(message.cseq)
            if ack is not None:
                client.transmit(ack)

    def _on_request(self, client: TrunkClient, data: bytes, source: Address) -> None:
        """The library knows only four methods and no wrong tags: requests are read by our own parser."""
        request = parse_message(data)
        if not isinstance(request, Request) or request.method == "ACK":
            return
        call = self._by_call_id.get(request.call_id)
        if call is not None and call.matches(request):
            call.on_request(request, source)
            return
        statuses = {"OPTIONS": 200, "INVITE": 403, "BYE": 481, "CANCEL": 481, "UPDATE": 481, "INFO": 481}
        status = 481 if request.to_addr.tag else statuses.get(request.method, 405)
        response = make_response(request, status, source, to_tag=client.gen_tag())
        client.transmit(response.serialize().decode("utf-8", "surrogateescape"))

    def _refused(self, data: bytes) -> None:
        match = _OUR_INVITE.match(data)
        call = self._by_call_id.get(match[1].decode("ascii", "replace")) if match else None
        if call is not None:
            call.feed(CallInput.TRANSPORT_ERROR)

    async def _emptied(self, seconds: float) -> None:
        if self._calls:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), seconds)


def _spec(call: Place) -> InviteSpec:
    spec = InviteSpec(call.call, call.to, call.sender, call.display_name, call.trunk, b"", call.ring_timeout)
    return replace(spec, dialled=call.dialled)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
