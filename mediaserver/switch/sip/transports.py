"""All transports of one user agent: a UDP socket and a TCP listener on one port, and connections of our own."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import replace
from functools import cached_property

from common.errors import ConfigError
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.streams import Hooks, StreamPool
from mediaserver.switch.sip.tls import TlsFiles, client_context, server_context
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.transport import UdpTransport

#: Free UDP ports looked at for one whose TCP port is free as well.
_TRIES = 20


class Transports:
    """`identity` is what we are over UDP; the UDP socket is bound at once, the rest by `start`.

    With a `tls_port` we can be called over TLS there.
    """

    def __init__(
        self, host: str, port: int, advertise_host: str, user_agent: str, tls: TlsFiles, tls_port: int | None = None
    ) -> None:
        self._host, self._port = host, port
        self._advertise = advertise_host
        self._user_agent = user_agent
        self._tls = tls
        self._tls_port = tls_port
        self._udp = UdpTransport(host, port)
        self._pool: StreamPool | None = None

    @property
    def address(self) -> tuple[str, int]:
        return self._udp.address

    @property
    def family(self) -> int:
        return self._udp.family

    @property
    def connections(self) -> int:
        return len(self._pool) if self._pool is not None else 0

    @property
    def identity(self) -> Identity:
        host, port = self.address
        return Identity(self._advertise or host, port, self._user_agent, tls_port=self._tls_port or 0)

    async def start(self, hooks: Hooks) -> None:
        """Raise ConfigError when a TCP port cannot be had, a file of TLS, or nothing can be told as our address."""
        if ipaddress.ip_address(self.address[0]).is_unspecified and not self._advertise:
            self._udp.close()
            raise ConfigError("the SIP address is a wildcard: set the host to advertise in Via and Contact as well")
        self._pool = StreamPool(hooks, self._host, lambda: self._context)
        self._listen(self._pool)
        await self._listen_over_tls(self._pool)
        self._udp.start(hooks.received, hooks.refused, hooks.done)

    def send(self, data: bytes, address: Address) -> None:
        """Never raises: what cannot leave is refused."""
        if address.transport == "udp":
            self._udp.send(data, address)
        elif self._pool is not None:
            self._pool.send(data, address)

    async def open(self, address: Address) -> Identity:
        """What we are towards `address`, which is connected where its transport knows connections.

        Raise OSError, or ConfigError for unusable TLS files.
        """
        if address.transport == "udp" or self._pool is None:
            return self.identity
        host, port = await self._pool.open(address)
        if address.transport == "tcp":
            host, port = self.address
        return replace(self.identity, host=self._advertise or host, port=port, transport=address.transport)

    async def close(self) -> None:
        self._udp.close()
        if self._pool is not None:
            await self._pool.close()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return client_context(self._tls)

    async def _listen_over_tls(self, pool: StreamPool) -> None:
        if self._tls_port is None:
            return
        host, _ = self.address
        try:
            context = await asyncio.get_running_loop().run_in_executor(pool.hand, server_context, self._tls)
            self._tls_port = pool.listen(host, self._tls_port, context)
        except OSError as error:
            await self.close()
            raise ConfigError(f"SIP address {host}:{self._tls_port}: TLS: {error.strerror}") from error
        except ConfigError:
            await self.close()
            raise

    def _listen(self, pool: StreamPool) -> None:
        for _ in range(_TRIES):
            try:
                pool.listen(*self.address)
                return
            except OSError as error:
                last = error
                host, port = self.address
                self._udp.close()
                if self._port:
                    break
                self._udp = UdpTransport(self._host, 0)
        raise ConfigError(f"SIP address {host}:{port}: TCP: {last.strerror}") from last
