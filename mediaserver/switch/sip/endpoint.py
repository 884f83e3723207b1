"""The shell of the user agent on the event loop: its transports, its clock, the names of its trunks.

endpoint = SipEndpoint(SipConfig(bind_host="127.0.0.1", bind_port=0))
await endpoint.start(sink)            # sink(event) is called on the event loop; see events.py
endpoint.invite(InviteSpec(...))      # returns at once
endpoint.hang_up(call)                # CANCEL before the answer, BYE after it
await endpoint.close()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from common.errors import ContractError
from common.tasks import note_failure
from mediaserver.switch.sip.door import Door
from mediaserver.switch.sip.events import InviteSpec, SipEvent, SipSink
from mediaserver.switch.sip.placer import Placer
from mediaserver.switch.sip.requests import check_spec
from mediaserver.switch.sip.resolver import DnsRecords, Records, Resolver
from mediaserver.switch.sip.streams import Hooks
from mediaserver.switch.sip.timers import Timings
from mediaserver.switch.sip.tls import TlsFiles
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.transports import Transports
from mediaserver.switch.sip.useragent import UserAgent

log = structlog.get_logger()

#: Seconds until timers are looked at again after one that failed.
_AFTER_A_DEFECT = 0.5


@dataclass(frozen=True, slots=True)
class SipConfig:
    """Where the user agent lives and how patient it is. Seconds; port 0 takes any free port.

    `advertise_host` is what Via and Contact say, needed when `bind_host` is a wildcard.
    `incoming_status` is the final answer to an INVITE from outside (403, or 486).
    """

    bind_host: str = "127.0.0.1"
    bind_port: int = 0
    advertise_host: str = ""
    user_agent: str = "Clarion"
    tls: TlsFiles = field(default_factory=TlsFiles)
    #: Where we can be called over TLS, 0 for any free port, None for nowhere.
    tls_port: int | None = None
    incoming_status: int = 403
    #: Numbers and users whose calls are offered; all others are refused.
    accepted: frozenset[str] = frozenset()
    #: Judges calls from outside, instead of the two before.
    door: Door | None = None
    #: Whether the audio of calls to us can be encrypted.
    srtp: bool = False
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0


@dataclass(frozen=True, slots=True)
class SipStats:
    """What the user agent holds right now: all zero some 64*T1 after the last call."""

    calls: int
    dialogs: int
    transactions: int
    timers: int
    tasks: int


class SipEndpoint:
    """The SIP side of a line: places calls, keeps their dialogs, tells the sink."""

    def __init__(self, config: SipConfig | None = None, records: Records | None = None) -> None:
        """`records` answers for DNS, the system's unless given."""
        self._config = config or SipConfig()
        self._records = records
        self._agent: UserAgent | None = None
        self._sink: SipSink | None = None
        self._transport: Transports | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._not_before = 0.0
        self._placer: Placer | None = None
        self._pending: list[SipEvent] = []
        self._is_flushing = False
        self._idle = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        """The bound address, known once started."""
        return self._open_transport().address

    @property
    def tls_port(self) -> int:
        """Where we can be called over TLS, 0 for nowhere."""
        return self._open_transport().identity.tls_port

    @property
    def connections(self) -> int:
        """Of TCP and TLS, those being opened among them."""
        return self._open_transport().connections

    async def start(self, sink: SipSink) -> None:
        """Bind the sockets. Raise ConfigError when the address cannot be bound."""
        config = self._config
        self._sink = sink
        transport = Transports(
            *(config.bind_host, config.bind_port, config.advertise_host, config.user_agent, config.tls, config.tls_port)
        )
        await transport.start(Hooks(self._receive, self._refused, self._flush))
        self._transport = transport
        self._agent = UserAgent(
            transport.identity,
            timings=Timings(config.t1, config.t2, config.t4),
            incoming_status=config.incoming_status,
            accepted=config.accepted,
            door=config.door,
            srtp=config.srtp,
        )
        resolver = Resolver(self._records or DnsRecords(transport.family))
        self._placer = Placer(self._agent, transport, resolver, self._pending.append, self._flush)

    def invite(self, spec: InviteSpec) -> None:
        """Place a call. Raise Refused for a spec that makes no INVITE, ContractError for a call under way."""
        placer = self._open_placer()
        for trunk in (spec.trunk, *spec.alternatives):
            check_spec(replace(spec, trunk=trunk))
        if spec.call in placer:
            raise ContractError(f"call {spec.call} is under way already")
        placer.place(spec)

    def hang_up(self, call: str) -> None:
        """End a call whatever its state; unknown and ended calls are ignored. `Ended` or `Failed` follows."""
        if not self._open_placer().cancel(call):
            self._open_agent().hang_up(call, time.monotonic())
        self._flush()

    def answer(self, call: str, sdp: bytes) -> None:
        """Take a call that was offered by `Incoming`; `Established` follows."""
        self._open_agent().answer(call, sdp, time.monotonic())
        self._flush()

    def refuse(self, call: str, status: int = 486) -> None:
        """Refuse a call that was offered by `Incoming`; `Failed` follows."""
        self._open_agent().refuse(call, status, time.monotonic())
        self._flush()

    def transfer(self, call: str, target: str) -> None:
        """Have the far end of an established call connected to `target`, a URI; `Transferred` follows."""
        self._open_agent().transfer(call, target, time.monotonic())
        self._flush()

    def tell_transfer(self, call: str, status: int) -> None:
        """Answer `TransferAsked` by 202 or a refusal, and after 202 tell what the target's call came to."""
        self._open_agent().tell_transfer(call, status, time.monotonic())
        self._flush()

    def send_keys(self, call: str, keys: str) -> None:
        """By INFO, in an established call."""
        self._open_agent().send_keys(call, keys, time.monotonic())
        self._flush()

    def stats(self) -> SipStats:
        counts = self._agent.counts() if self._agent is not None else (0, 0, 0, 0)
        return SipStats(*counts, tasks=self._placer.tasks if self._placer is not None else 0)

    async def close(self, grace: float = 2.0) -> None:
        """Hang up everything, wait `grace` seconds at most for the answers, then free socket, timers and tasks."""
        if self._transport is None or self._agent is None:
            return
        for call in {*self._open_placer().calls(), *self._agent.calls()}:
            self.hang_up(call)
        if self._agent.calls():
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), grace)
            except TimeoutError:
                log.info("sip.closed_with_calls_under_way", calls=len(self._agent.calls()))
        self._agent.clear()
        self._flush()
        self._open_placer().close()
        if self._timer is not None:
            self._timer.cancel()
        transport, self._transport, self._timer = self._transport, None, None
        await transport.close()

    def _receive(self, data: bytes, source: Address) -> None:
        if self._agent is not None:
            with self._contained("sip message"):
                self._agent.receive(data, source, time.monotonic())

    def _refused(self, data: bytes) -> None:
        with self._contained("sip refusal"):
            self._open_agent().transport_failed(data, time.monotonic())

    def _on_timer(self) -> None:
        self._timer = None
        with self._contained("sip timer"):
            self._open_agent().handle_timer(time.monotonic())
        self._flush()

    @contextmanager
    def _contained(self, what: str) -> Iterator[None]:
        """A defect met by one call's message or timer stops neither the others' nor the clock."""
        try:
            yield
        except Exception as error:
            note_failure(what, error)
            # A timer that fails stays due: it is not asked without a pause.
            self._not_before = time.monotonic() + _AFTER_A_DEFECT

    def _flush(self) -> None:
        """Send, report, and set the clock. The sink may call us: what it causes leaves in the same round."""
        if self._is_flushing:
            return
        agent, transport = self._open_agent(), self._open_transport()
        self._is_flushing = True
        try:
            while True:
                datagrams = agent.datagrams()
                for datagram in datagrams:
                    with self._contained("sip sending"):
                        transport.send(*datagram)
                events = [*self._pending, *agent.events()]
                self._pending.clear()
                for event in events:
                    if self._is_news(event):
                        self._report(event)
                if not datagrams and not events:
                    break
        finally:
            self._is_flushing = False
        if not agent.calls():
            self._idle.set()
        self._schedule(agent.next_timer())

    def _is_news(self, event: SipEvent) -> bool:
        try:
            return self._open_placer().heard(event)
        except Exception as error:
            # Whatever the placer met, who waits for the call's end must hear of it.
            note_failure("sip event", error)
            return True

    def _report(self, event: SipEvent) -> None:
        if self._sink is None:
            return
        try:
            self._sink(event)
        except Exception:
            # One call's failing sink must not stop the other calls' signalling.
            log.exception("sip.sink_failed", event_type=type(event).__name__)

    def _schedule(self, at: float | None) -> None:
        if self._timer is not None:
            if at is not None and at >= self._timer_at:
                return  # the timer set fires no later; it will look again
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._timer_at = at
            delay = max(0.0, max(at, self._not_before) - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _open_agent(self) -> UserAgent:
        if self._agent is None or self._transport is None:
            raise ContractError("the SIP endpoint is not started")
        return self._agent

    def _open_placer(self) -> Placer:
        if self._placer is None:
            raise ContractError("the SIP endpoint is not started")
        return self._placer

    def _open_transport(self) -> Transports:
        if self._transport is None:
            raise ContractError("the SIP endpoint is not started")
        return self._transport
