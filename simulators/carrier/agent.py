"""The carrier: one UDP socket for SIP, one pump for every call's timers and RTP."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from simulators.carrier import message
from simulators.carrier.auth import Guard
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.call import Call
from simulators.carrier.journal import Journal
from simulators.carrier.media import Media, Ports
from simulators.carrier.message import Address, Message
from simulators.carrier.population import Population
from simulators.carrier.rtp import TICK
from simulators.carrier.timers import Timers

log = structlog.get_logger()

ATTEMPT_HEADER = "x-clarion-attempt"
_RECENT = 200
#: A stall longer than this is not caught up with: packets would go out in a burst.
_STALL = 0.2


@dataclass(frozen=True, slots=True)
class CarrierSettings:
    host: str = "127.0.0.1"
    #: 0 takes a free port; `Carrier.port` tells which.
    port: int = 5060
    #: First and last RTP port; (0, 0) lets the system choose.
    rtp_ports: tuple[int, int] = (0, 0)
    seed: int = 1
    journal: Path | None = None
    #: Credentials that callers need; everybody is challenged when `challenge` is true, else only suffix 24.
    username: str = "clarion"
    password: str = "clarion"  # noqa: S105 - a stand-in for tests, open on purpose
    challenge: bool = False
    #: Send RTP while the customer is silent, as telephones do.
    send_silence: bool = True


class Carrier(asyncio.DatagramProtocol):
    """`async with Carrier(...) as carrier:` listens on `carrier.port` until the block ends."""

    def __init__(self, settings: CarrierSettings | None = None, population: Population | None = None) -> None:
        self.settings = settings or CarrierSettings()
        self.population = population or Population(self.settings.seed)
        self.timers = Timers(time.monotonic)
        self.chance = random.Random(self.settings.seed)
        self.port = self.settings.port
        #: Calls by Call-ID, ended ones for LINGER seconds more.
        self.calls: dict[str, Call] = {}
        #: How calls ended, and rings by number and by attempt.
        self.outcomes: Counter[str] = Counter()
        self.rings: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self._active = 0
        self._media: dict[str, tuple[Call, Media]] = {}
        self._journal = Journal(None)
        self._guard = Guard(self.settings.username, self.settings.password)
        self._ports = Ports(self.settings.host, *self.settings.rtp_ports)
        self._transport: asyncio.DatagramTransport | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Carrier:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        self._journal = Journal(self.settings.journal)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        try:
            sock.bind((self.settings.host, self.settings.port))
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)
        self._pump = loop.create_task(self._run_pump(), name="carrier-pump")

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()
        for _, media in self._media.values():
            media.close()
        self._media.clear()
        self._journal.close()

    def status(self) -> dict[str, Any]:
        """Counts for the status page and for tests."""
        return {
            "active": self._active,
            "rings": self.rings.total(),
            "rung_twice": sorted(attempt for attempt, count in self.attempts.items() if count > 1),
            "outcomes": dict(self.outcomes.most_common()),
            "recent": list(self.recent),
        }

    # --- datagrams --------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: Any) -> None:
        source: Address = (addr[0], addr[1])
        received = message.parse(data)
        if received is None:
            return
        call = self.calls.get(received.call_id)
        if call is not None and call.loses_packet():
            return
        if received.status:
            if call is not None:
                call.on_response(received)
        elif received.method == "INVITE":
            self._on_invite(received, call, source)
        elif received.method == "ACK":
            if call is not None:
                call.on_ack(received)
        else:
            self._on_other(received, call, source)

    def error_received(self, exc: Exception) -> None:
        log.info("carrier_send_refused", error=str(exc))

    def _on_invite(self, invite: Message, call: Call | None, source: Address) -> None:
        if call is not None:
            if message.tag(invite.get("to")):
                call.on_reinvite(invite)
            else:
                call.on_invite_again()
            return
        number = message.user_of(invite.uri)
        behaviour = self.population.behaviour(number, self.rings[number] + 1)
        if behaviour.sip_loss and self.chance.random() < behaviour.sip_loss:
            return
        if (self.settings.challenge or behaviour.challenge) and not self._guard.accepts(invite):
            # Stateless: the ACK and every repetition find no call; no telephone rings yet.
            tag = f"{self.chance.getrandbits(48):012x}"
            headers = [self._guard.challenge(invite)]
            self.send(message.response(invite, 407, source, to_tag=tag, headers=headers), source)
            return
        self._ring(invite, behaviour, source)

    def _ring(self, invite: Message, behaviour: Behaviour, source: Address) -> None:
        call = Call(self, invite, source, behaviour, attempt=invite.get(ATTEMPT_HEADER))
        self.calls[call.call_id] = call
        self._active += 1
        self.rings[call.number] += 1
        if call.attempt:
            self.attempts[call.attempt] += 1
        ring = self.rings[call.number]
        self._journal.write("ring", **self._identity(call), behaviour=behaviour.name, ring=ring)
        call.start()

    def _on_other(self, request: Message, call: Call | None, source: Address) -> None:
        if request.method == "OPTIONS":
            headers = [("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"), ("Accept", "application/sdp")]
            self.send(message.response(request, 200, source, to_tag="carrier", headers=headers), source)
        elif request.method not in ("BYE", "CANCEL"):
            self.send(message.response(request, 405, source, to_tag="carrier"), source)
        elif call is None:
            self.send(message.response(request, 481, source, to_tag="carrier"), source)
        elif request.method == "BYE":
            call.on_bye(request)
        else:
            call.on_cancel(request)

    # --- the calls' host --------------------------------------------------------------------------------

    def send(self, packet: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(packet, to)

    def via(self) -> str:
        return f"{self.settings.host}:{self.port}"

    def contact(self) -> str:
        return f"sip:carrier@{self.settings.host}:{self.port}"

    def open_media(self, call: Call, remote: Address, codec: int, event_type: int | None) -> Media:
        media = Media(
            self._ports.open(),
            remote,
            codec,
            event_type,
            loss=call.behaviour.rtp_loss,
            send_silence=self.settings.send_silence,
            chance=self.chance,
        )
        self._media[call.call_id] = (call, media)
        return media

    def answered(self, call: Call) -> None:
        self._journal.write("answer", **self._identity(call))

    def over(self, call: Call) -> None:
        self._active -= 1
        _, media = self._media.pop(call.call_id, (call, None))
        if media is not None:
            media.close()
        report = call.report()
        answered = media is not None and call.outcome in ("caller hung up", "customer hung up", "no ack")
        self.outcomes["answered" if answered else call.outcome] += 1
        self.recent.appendleft({"number": call.number, "attempt": call.attempt, **report})
        self._journal.write("end", **self._identity(call), **report)

    def forget(self, call: Call) -> None:
        self.calls.pop(call.call_id, None)

    def _identity(self, call: Call) -> dict[str, str]:
        return {"call_id": call.call_id, "number": call.number, "attempt": call.attempt}

    # --- the pump ---------------------------------------------------------------------------------------

    async def _run_pump(self) -> None:
        due = time.monotonic()
        while True:
            due += TICK
            wait = due - time.monotonic()
            if wait < -_STALL:
                due += self._give_up(-wait)
            await asyncio.sleep(max(wait, 0))
            self.tick(time.monotonic())

    def _give_up(self, seconds: float) -> float:
        """Time that is lost for all mouths, in whole ticks."""
        ticks = int(seconds / TICK)
        for _, media in self._media.values():
            media.mouth.skip(ticks)
        return ticks * TICK

    def tick(self, now: float) -> None:
        """20 ms of every call."""
        self.timers.run()
        for call, media in list(self._media.values()):
            if media.remote[1] and media.tick(now):
                call.hang_up()
