"""One UDP socket on the event loop, with the network's refusals told by datagram."""

from __future__ import annotations

import asyncio
import ipaddress
import select
import socket
from collections.abc import Callable

import structlog

from common.errors import ConfigError
from mediaserver.switch.sip.transaction import Address

log = structlog.get_logger()

#: Datagrams read before the event loop's other work gets its turn: some 2 ms.
_BATCH = 16
_MAX_DATAGRAM = 65_535
# Linux: report ICMP errors, with the datagram that caused them, on the socket's error queue.
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000


class UdpTransport:
    """Bound at once; raises ConfigError when that fails. Port 0 takes any free one."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self._received: Callable[[bytes, Address], None] | None = None
        self._refused: Callable[[bytes], None] | None = None
        self._done: Callable[[], None] | None = None
        # An epoll of our own turns the error queue's signal into plain readability, which every event loop
        # (libuv among them) handles alike.
        self._poll = select.epoll()
        self._poll.register(self._socket.fileno(), select.EPOLLIN)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def family(self) -> int:
        return self._socket.family

    def start(
        self, received: Callable[[bytes, Address], None], refused: Callable[[bytes], None], done: Callable[[], None]
    ) -> None:
        """`received` gets each datagram, `refused` each of ours the network gave back (perhaps only its beginning);
        `done` is called after a round of either."""
        self._received, self._refused, self._done = received, refused, done
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._poll.fileno(), self._readable)

    def send(self, data: bytes, address: Address) -> None:
        """Never raises: what cannot leave is refused, or lost like any datagram."""
        for _ in range(2):
            try:
                self._socket.sendto(data, address[:2])
                return
            except BlockingIOError:
                log.warning("sip.send_buffer_full")
                return
            except ConnectionRefusedError:
                # An earlier datagram's error, given back on this one, which has not left: send it again.
                self._read_errors()
            except OSError as error:
                log.warning("sip.cannot_send", error=error.strerror)
                self._tell_refused(data)
                return

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._poll.fileno())
        self._poll.close()
        self._socket.close()

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                data, source = self._socket.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                self._read_errors()
                break
            except OSError:
                # The socket's pending error, whose details are in the error queue.
                self._read_errors()
                continue
            if self._received is not None:
                self._received(data, Address(source[0], source[1]))
        if self._done is not None:
            self._done()

    def _read_errors(self) -> None:
        for _ in range(_BATCH):
            try:
                data, _, _, _ = self._socket.recvmsg(_MAX_DATAGRAM, 512, _MSG_ERRQUEUE)
            except OSError:
                return
            self._tell_refused(data)

    def _tell_refused(self, data: bytes) -> None:
        if self._refused is not None:
            self._refused(data)


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    if not is_ip(host):
        raise ConfigError(f"SIP bind address {host!r}: give an IP address")
    is_v6 = ":" in host
    bound = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if is_v6:
            bound.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            bound.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigError(f"SIP address {host}:{port}: {error.strerror}") from error
    return bound
