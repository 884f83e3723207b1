"""SIP over TCP and TLS: one connection for each far end, opened when needed and used both ways (RFC 3261 18)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import structlog

from mediaserver.priority import be_helper
from mediaserver.switch.sip.framing import PING, PONG, StreamError, StreamFramer
from mediaserver.switch.sip.listener import Listener
from mediaserver.switch.sip.tls import TlsChannel
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.turnstile import Turnstile

log = structlog.get_logger()

#: Seconds to reach a far end, its TLS handshake included; then the network counts as having refused.
CONNECT_LIMIT = 5.0
#: Seconds of silence before we send a keep-alive, and for its answer where the peer has answered one before.
KEEP_ALIVE = 25.0
PONG_LIMIT = 10.0
#: Seconds a stranger's connection may stay without one whole message.
STRANGER_LIMIT = 20.0
#: Connections of others at a time.
MAX_STRANGERS = 256
#: Bytes that may wait for a peer that does not read.
_BACKLOG = 1 << 20
#: Milliseconds that sent bytes may stay unacknowledged.
_USER_TIMEOUT = 15_000
#: Alerts with which a server ends a handshake that was over for us already (TLS 1.3): whom it does not want to talk
#: with has had nothing read by it (RFC 8446 4.4.2.4, 6.2).
_UNWANTED = frozenset(
    (
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
    )
)
#: Messages kept of what a server over TLS was sent before it said anything.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Hooks:
    """`received` gets each message, `refused` each of ours that cannot leave, `done` follows a round of either."""

    received: Callable[[bytes, Address], None]
    refused: Callable[[bytes], None]
    done: Callable[[], None]


class Stream(asyncio.Protocol):
    """One connection. Until it is open, what is to be sent waits; what cannot leave any more is refused."""

    def __init__(self, pool: StreamPool, address: Address | None, channel: TlsChannel | None) -> None:
        self._pool = pool
        self.address = address
        self.is_ours = address is not None
        self._channel = channel
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._wire = bytearray()
        self._step: asyncio.Future[bytes] | None = None
        self._waiting: list[bytes] = []
        self._unanswered: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._heard = self._pongs_before = 0
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    @property
    def local(self) -> tuple[str, int]:
        """Our end, once open."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    @property
    def is_leaving(self) -> bool:
        """It takes nothing any more, whether or not it has been lost yet."""
        return self._transport is not None and self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Never raises."""
        if self._transport is None or not self._is_open:
            self._waiting.append(data)
            if self.closed.done():
                asyncio.get_running_loop().call_soon(self._pool.give_back, self)
            return
        try:
            self._transport.write(data if self._channel is None else self._channel.encrypt(data))
        except ssl.SSLError as error:
            log.info("sip.tls_over", reason=_reason(error))
            self._waiting.append(data)
            self.abort()
            return
        if self._channel is not None and not self._heard and len(self._unanswered) < _KEPT:
            self._unanswered.append(data)
        if self._transport.get_write_buffer_size() > _BACKLOG:
            log.warning("sip.peer_does_not_read")
            self.abort()

    @property
    def _is_open(self) -> bool:
        return not self.is_leaving and (self._channel is None or self._channel.is_open)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        wire = self._transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT)
        if self.address is None:
            host, port = self._transport.get_extra_info("peername")[:2]
            how = "tcp" if self._channel is None else "tls"
            self.address = Address(str(host), int(port), how, str(host) if how == "tls" else "")
            self._set_timer(STRANGER_LIMIT)
            self._pool.count_stranger(self)
        if self._channel is None:
            self._open()
        else:
            self._shake_hands()

    def data_received(self, data: bytes) -> None:
        channel = self._channel
        if channel is None:
            self._read(data)
        elif not channel.is_open or self._step is not None:
            self._wire += data
            self._shake_hands()
        else:
            self._decrypt(channel, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.closed.set_result(None)
        self._pool.lost(self)
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("closed before it was open"))
            # Nobody awaits it where the connection was a stranger's.
            self.opened.exception()

    def unsent(self) -> list[bytes]:
        waiting, self._waiting = self._waiting, []
        return waiting

    # --- opening

    def _shake_hands(self) -> None:
        if self._step is None and self._channel is not None:
            data, self._wire = bytes(self._wire), bytearray()
            hand = self._pool.hand if self.is_ours else self._pool.other_hand
            self._step = asyncio.get_running_loop().run_in_executor(hand, self._channel.handshake, data)
            self._step.add_done_callback(self._shook_hands)

    def _shook_hands(self, step: asyncio.Future[bytes]) -> None:
        self._step = None
        if step.cancelled():
            return
        error = step.exception()
        if self._transport is None or self._transport.is_closing():
            return
        if error is not None:
            # Whoever comes by may try anything.
            tell = log.warning if self.is_ours else log.debug
            tell("sip.tls_refused", reason=str(getattr(error, "verify_message", "") or error))
            if not self.opened.done():
                self.opened.set_exception(ConnectionError(f"TLS: {_reason(error)}"))
            self._transport.abort()
            return
        self._transport.write(step.result())
        channel = self._channel
        if channel is not None and channel.is_open:
            self._open()
            data, self._wire = bytes(self._wire), bytearray()
            self._decrypt(channel, data)
        elif self._wire:
            self._shake_hands()

    def _open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)
        self._pool.ready(self)
        for data in self.unsent():
            self.send(data)
        if self.is_ours:
            self._set_timer(KEEP_ALIVE)

    # --- reading

    def _decrypt(self, channel: TlsChannel, data: bytes) -> None:
        try:
            plain = channel.decrypt(data)
        except ssl.SSLError as error:
            if self.is_ours and not self._heard and error.reason in _UNWANTED:
                log.warning("sip.tls_refused", reason=_reason(error))
                self._waiting[:0] = self._unanswered
            self.abort()
            return
        if self._transport is not None and (answer := channel.leftover()):
            self._transport.write(answer)
        if plain:
            self._read(plain)
        if channel.is_over:
            # It takes nothing from us any more, whenever it closes the connection itself.
            self.abort()

    def _read(self, data: bytes) -> None:
        assert self.address is not None
        try:
            messages = self._framer.feed(data)
        except StreamError as error:
            log.warning("sip.stream_broken", reason=str(error))
            self.abort()
            return
        for _ in range(self._framer.pings):
            self.send(PONG)
        self._framer.pings = 0
        for message in messages:
            self._heard += 1
            self._unanswered.clear()
            self._pool.hooks.received(message, self.address)
        self._pool.hooks.done()

    # --- keeping it alive

    def _set_timer(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._keep_alive)

    def _keep_alive(self) -> None:
        if not self.is_ours and not self._heard:
            self.abort()
            return
        self._pongs_before = self._framer.pongs
        self.send(PING)
        # Only a peer that has answered once is known to answer at all.
        if self._pongs_before:
            self._timer = asyncio.get_running_loop().call_later(PONG_LIMIT, self._await_pong)
        else:
            self._set_timer(KEEP_ALIVE)

    def _await_pong(self) -> None:
        if self._framer.pongs == self._pongs_before:
            log.warning("sip.connection_is_dead")
            self.abort()
        else:
            self._set_timer(KEEP_ALIVE - PONG_LIMIT)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)


class StreamPool:
    """`context` makes TLS; `local_host` is where our own connections come from."""

    def __init__(self, hooks: Hooks, local_host: str, context: Callable[[], ssl.SSLContext]) -> None:
        self.hooks = hooks
        self._local_host = local_host
        self._context = context
        self._streams: dict[Address, Stream] = {}
        self._dialling: dict[Address, asyncio.Task[Stream]] = {}
        self._strangers = 0
        self._listeners: list[Listener] = []
        self._turnstile = Turnstile()
        #: Threads for cryptography, some 500 handshakes a second each: those of others must not keep ours waiting.
        self.hand, self.other_hand = (ThreadPoolExecutor(1, "tls", be_helper) for _ in range(2))

    def __len__(self) -> int:
        return len(self._streams) + len(self._dialling)

    def listen(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Over TLS where there is a context; the port. Raise OSError."""

        def made() -> Stream:
            return Stream(self, None, TlsChannel(context) if context is not None else None)

        self._listeners.append(Listener(host, port, made))
        return self._listeners[-1].port

    def send(self, data: bytes, address: Address) -> None:
        """Never raises: what cannot leave is refused, later."""
        stream = self._streams.get(address)
        if stream is not None and not stream.is_leaving:
            stream.send(data)
            return
        self._dial(address).add_done_callback(lambda task: self._send_when_open(task, data))

    async def open(self, address: Address) -> tuple[str, int]:
        """Our end of the connection to `address`. Raise OSError (TimeoutError among them)."""
        stream = self._streams.get(address)
        if stream is None or stream.is_leaving:
            stream = await asyncio.shield(self._dial(address))
        return stream.local

    async def close(self) -> None:
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        dialling = tuple(self._dialling.values())
        for task in dialling:
            task.cancel()
        await asyncio.gather(*dialling, return_exceptions=True)
        streams = tuple(self._streams.values())
        for stream in streams:
            stream.abort()
        await asyncio.gather(*(stream.closed for stream in streams))
        for hand in (self.hand, self.other_hand):
            hand.shutdown(wait=False, cancel_futures=True)

    def count_stranger(self, stream: Stream) -> None:
        """A connection that somebody else opened."""
        self._strangers += 1
        if self._strangers > MAX_STRANGERS:
            stream.abort()

    def ready(self, stream: Stream) -> None:
        assert stream.address is not None
        self._streams[stream.address] = stream

    def lost(self, stream: Stream) -> None:
        self._strangers -= not stream.is_ours
        if stream.address is not None and self._streams.get(stream.address) is stream:
            del self._streams[stream.address]
        self.give_back(stream)

    def give_back(self, stream: Stream) -> None:
        """Refuse what it could not send."""
        unsent = stream.unsent()
        for data in unsent:
            self.hooks.refused(data)
        if unsent:
            self.hooks.done()

    def _dial(self, address: Address) -> asyncio.Task[Stream]:
        task = self._dialling.get(address)
        if task is None:
            task = self._dialling[address] = asyncio.get_running_loop().create_task(self._connect(address))
            task.add_done_callback(lambda _: self._dialling.pop(address, None))
        return task

    async def _connect(self, address: Address) -> Stream:
        loop = asyncio.get_running_loop()
        channel = None
        async with asyncio.timeout(CONNECT_LIMIT):
            if address.transport == "tls":
                # Reading the authorities takes tens of milliseconds.
                context = await loop.run_in_executor(self.hand, self._context)
                channel = TlsChannel(context, address.name or address.host)
            await self._turnstile.turn()
            _, stream = await loop.create_connection(
                lambda: Stream(self, address, channel), address.host, address.port, local_addr=(self._local_host, 0)
            )
            try:
                await stream.opened
            except BaseException:
                stream.abort()
                raise
        return stream

    def _send_when_open(self, task: asyncio.Task[Stream], data: bytes) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            task.result().send(data)
            return
        if not isinstance(error, OSError):
            log.error("sip.cannot_connect", error=repr(error))
        self.hooks.refused(data)
        self.hooks.done()
