"""The `asterisk` line: Asterisk 22 places the calls, driven by ARI; sound goes through our own RTP pump.

Asterisk joins each call with an external-media channel to a port of ours, so that prompts, listening, classification,
recording and conversations are the pump's, as on the native line, and Asterisk may be on another machine. What it
costs, and what this line leaves to Asterisk: docs/reference/lines.md.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.control import Disposition, RtpStats, Trunk
from common.errors import Refused
from common.setting_types import PumpKind
from common.tasks import note_failure
from mediaserver.lines import base
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.asterisk_calls import AriCalls, MediaAt, Order, Over, Report, Wish
from mediaserver.lines.asterisk_client import AriClient
from mediaserver.lines.base import Capability, Place, Sink
from mediaserver.lines.pumped import PumpedLine
from mediaserver.switch.media import MediaPump, MediaSocket, MediaStream
from mediaserver.switch.ports import NoPorts, PortAllocator
from mediaserver.switch.pumps import make_pump
from mediaserver.switch.rtp import stream as rtp
from mediaserver.switch.rtp.packet import PayloadType
from mediaserver.switch.sip.events import InviteSpec
from mediaserver.switch.sip.limits import TrunkLimits
from mediaserver.switch.sip.requests import (
    Identity,
    attempt_header,
    bracketed,
    check_spec,
    identity_headers,
    target_uri,
)

_CLOSING = 2.0
#: What a trunk's calls are like, whatever the trunk: sound passes Asterisk, keys are RFC 4733's.
_ENDPOINT = {
    "disallow": "all",
    "allow": "ulaw,alaw",
    "direct_media": "no",
    "rtp_symmetric": "yes",
    "dtmf_mode": "rfc4733",
}


@dataclass(slots=True)
class _Call:
    place: Place
    trunk: str
    media: MediaSocket
    stream: MediaStream | None = None
    listening: bool = False


class AsteriskLine(PumpedLine):
    def __init__(self, access: AriAccess, media_host: str, pump: MediaPump | None = None) -> None:
        """`pump` is shared with another line, which starts and closes it; None makes one with the system's ports."""
        self._client = AriClient(access, self)
        self._ari = AriCalls(access.app)
        self._host = media_host
        self._owns_pump = pump is None
        super().__init__(pump or make_pump(PumpKind.AUTO, media_host, PortAllocator(None)))
        absent = {Capability.TRANSFER, Capability.FAILOVER, Capability.INCOMING}
        absent |= set() if self._pump.has_rooms else {Capability.CONVERSATION}
        self.capabilities = frozenset(Capability).difference(absent)
        self._calls: dict[str, _Call] = {}
        self._limits: dict[str, TrunkLimits] = {}
        self._limit_timers: dict[str, asyncio.TimerHandle] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    async def start(self, sink: Sink) -> None:
        """Raise AsteriskUnreachable."""
        self._sink = sink
        await self._client.start()
        if self._owns_pump:
            self._pump.start(asyncio.get_running_loop())

    async def close(self) -> None:
        for call in tuple(self._calls):
            self.hang_up(call)
        if self._calls:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), _CLOSING)
            except TimeoutError:
                self._ari.abandon(time.monotonic())
                self._flush()
        await self._client.close()
        for timer in (self._timer, *self._limit_timers.values()):
            if timer is not None:
                timer.cancel()
        if self._owns_pump:
            self._pump.close()

    # --- what the switch asks

    def place(self, call: Place) -> None:
        try:
            _check(call)
            if not self._client.is_connected:
                raise Refused("Asterisk is not connected")
            media = self._pump.open()
        except (Refused, NoPorts) as error:
            failed = base.Failed(call.call, Disposition.NOT_ADMITTED, None, str(error), provisional=False)
            asyncio.get_running_loop().call_soon(self._tell, failed)
            return
        trunk = _trunk_name(call.trunk)
        self._calls[call.call] = _Call(call, trunk, media)
        limits = self._limits.setdefault(trunk, TrunkLimits(0, 0))
        limits.max_channels, limits.calls_per_second = call.trunk.max_channels, call.trunk.calls_per_second
        limits.ask(call.call, time.monotonic())
        self._let_start(trunk)

    def hang_up(self, call: str) -> None:
        known = self._calls.get(call)
        if known is None:
            return
        if call not in self._ari.calls():
            self._end(call, base.Failed(call, Disposition.CANCELLED, None, "", provisional=False))
            return
        if known.stream is not None:
            known.stream.sending = False
        self._ari.hang_up(call, time.monotonic())
        self._flush()

    def play(self, call: str, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        if (stream := self._stream(call)) is not None:
            stream.play(play, clips, stop_on_key)

    def listen(self, call: str, on: bool) -> None:
        if (known := self._calls.get(call)) is not None:
            known.listening = on
            if known.stream is not None:
                known.stream.listen(on)

    def answer(self, call: str) -> None:
        raise base.Unsupported("the asterisk line takes no calls")

    def refuse(self, call: str, status: int) -> None:
        raise base.Unsupported("the asterisk line takes no calls")

    def signs(self, call: str) -> int | None:
        return None

    def send_keys(self, call: str, keys: str) -> None:
        self._ari.send_keys(call, keys)
        self._flush()

    def transfer(self, call: str, target: str) -> None:
        raise base.Unsupported("the asterisk line does not tell how a transfer went; use the native line")

    def tell_transfer(self, call: str, status: int) -> None:
        raise base.Unsupported("the asterisk line has no phones that ask for transfers")

    def held(self) -> dict[str, int]:
        """Calls and requests at Asterisk."""
        return {"ari_calls": len(self._ari), "ari_requests": self._client.requests}

    # --- what Asterisk says

    def heard(self, event: Mapping[str, Any]) -> None:
        self._ari.receive(event, time.monotonic())
        self._flush()

    def answered(self, order: Order, status: int, body: Any) -> None:
        self._ari.answered(order, status, body, time.monotonic())
        self._flush()

    def connected(self) -> None:
        self._ari.connected(time.monotonic())
        self._flush()

    def _on_timer(self) -> None:
        self._timer = None
        self._ari.handle_timer(time.monotonic())
        self._flush()

    def _flush(self) -> None:
        """Send, report, and set the clock."""
        for order in self._ari.orders():
            self._client.send(order)
        for report in self._ari.reports():
            try:
                self._report(report)
            except Exception as error:
                # The reports that follow are other calls'.
                note_failure("asterisk report", error)
        due = self._ari.next_timer()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            delay = max(0.0, due - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _report(self, report: Report) -> None:
        match report:
            case MediaAt(call, host, port):
                self._begin(self._calls[call], host, port)
            case base.Answered(call):
                if (stream := self._stream(call)) is not None:
                    stream.sending = True
                self._tell(report)
            case base.Key(call, key):
                if (stream := self._stream(call)) is not None:
                    stream.press(key, time.monotonic())
            case Over(call, by_far_end, release):
                stream = self._stream(call)
                stats = RtpStats() if stream is None else stream.stats()
                self._end(call, base.HungUp(call, by_far_end, stats, release))
            case base.Failed(call):
                self._end(call, report)
            case _:
                self._tell(report)

    # --- inside

    def _begin(self, known: _Call, host: str, port: int) -> None:
        """What the far end sends before it answers is heard where somebody listens; nothing of ours is sent to it."""
        call = known.place.call
        form = rtp.MediaFormat(PayloadType.PCMU, None, secrets.randbits(32), secrets.randbits(15), secrets.randbits(32))
        known.stream = known.media.begin(form, (host, port), (host, port + 1), lambda event: self._sounded(call, event))
        known.stream.sending = False
        if known.listening:
            known.stream.listen(True)

    def _stream(self, call: str) -> MediaStream | None:
        known = self._calls.get(call)
        return None if known is None else known.stream

    def _let_start(self, trunk: str) -> None:
        limits, now = self._limits.get(trunk), time.monotonic()
        if limits is None:
            return  # its last call is over
        started, late = limits.take(now)
        for call in started:
            known = self._calls[call]
            self._ari.place(self._wish(known), now)
        for call in late:
            reason = "the trunk's limits leave no room for it"
            self._end(call, base.Failed(call, Disposition.NOT_ADMITTED, None, reason, provisional=False))
        if (timer := self._limit_timers.pop(trunk, None)) is not None:
            timer.cancel()
        if (due := limits.next_timer()) is not None:
            delay = max(0.0, due - now)
            self._limit_timers[trunk] = asyncio.get_running_loop().call_later(delay, self._let_start, trunk)
        self._flush()

    def _end(self, call: str, event: base.LineEvent) -> None:
        known = self._calls.pop(call)
        known.media.close()
        limits = self._limits[known.trunk]
        limits.release(call)
        if len(limits):
            asyncio.get_running_loop().call_soon(self._let_start, known.trunk)
        else:
            del self._limits[known.trunk]
        if not self._calls:
            self._empty.set()
        self._tell(event)

    def _wish(self, known: _Call) -> Wish:
        place, trunk = known.place, known.place.trunk
        spec = _spec(place)
        headers = [*attempt_header(place.call), *identity_headers(spec, Identity(self._host, 0))]
        variables = {f"PJSIP_HEADER(add,{name})": value for name, value in headers}
        if place.identity.private:
            variables["CONNECTEDLINE(pres,i)"] = "prohib"
        variables |= {"CONNECTEDLINE(num,i)": place.sender, "CONNECTEDLINE(name,i)": place.display_name}
        return Wish(
            call=place.call,
            trunk=known.trunk,
            endpoint=_endpoint(known.trunk, trunk),
            auth=_auth(trunk),
            uri=target_uri(spec) + ("" if trunk.transport in ("udp", "dns") else f";transport={trunk.transport}"),
            variables=variables,
            media=f"{bracketed(self._host)}:{known.media.port}",
            ring_timeout=place.ring_timeout,
        )


def _check(call: Place) -> None:
    """Raise Refused for what this line leaves to Asterisk's own configuration."""
    check_spec(_spec(call))
    for name in ("register", "gateways", "redirects"):
        if getattr(call.trunk, name):
            raise Refused(f"trunk.{name}: the asterisk line leaves this to Asterisk's own configuration; use native")


def _spec(call: Place) -> InviteSpec:
    spec = InviteSpec(
        call.call, call.to, call.sender, call.display_name, call.trunk, b"", call.ring_timeout, call.identity
    )
    return replace(spec, dialled=call.dialled)


def _trunk_name(trunk: Trunk) -> str:
    """The same for trunks that Asterisk need not tell apart; nothing secret can be read off it."""
    parts = (trunk.host, str(trunk.port), trunk.transport, trunk.username, trunk.password, trunk.proxy, trunk.domain)
    return "clarion-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _auth(trunk: Trunk) -> dict[str, str]:
    if not trunk.username:
        return {}
    return {"auth_type": "userpass", "username": trunk.username, "password": trunk.password}


def _endpoint(name: str, trunk: Trunk) -> dict[str, str]:
    optional = {
        "outbound_auth": name if trunk.username else "",
        "outbound_proxy": f"sip:{trunk.proxy};lr" if trunk.proxy else "",
        "from_domain": trunk.domain,
    }
    return {**_ENDPOINT, **{key: value for key, value in optional.items() if value}}
