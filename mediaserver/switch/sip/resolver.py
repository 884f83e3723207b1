"""Finds the servers of a trunk: its gateways, their DNS records (RFC 3263), their addresses."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from typing import TYPE_CHECKING, Protocol

from common.control import Trunk
from mediaserver.switch.sip.selection import Draw, Naptr, Server, choose_services, gateways_of, in_order, srv_name
from mediaserver.switch.sip.transaction import DEFAULT_PORT, TLS_PORT, Address
from mediaserver.switch.sip.transport import is_ip

if TYPE_CHECKING:
    from mediaserver.switch.sip.nameservers import NameServers

#: Seconds an address is remembered.
_KEEP = 30.0
#: What a trunk may use whose transport is left to DNS, in order where DNS says nothing.
_BY_DNS = ("udp", "tcp", "tls")


class Records(Protocol):
    """Each gives nothing where there is no such record; raise OSError where nobody answers."""

    async def naptr(self, name: str) -> list[Naptr]: ...

    async def srv(self, name: str) -> list[Server]: ...

    async def addresses(self, host: str) -> list[str]: ...


class DnsRecords:
    """From the system's name servers; host names by the system's own way, hosts file included."""

    def __init__(self, family: int) -> None:
        self._family = family
        self._addresses: dict[str, tuple[float, list[str]]] = {}
        self._known: NameServers | None = None

    async def naptr(self, name: str) -> list[Naptr]:
        return await self._servers().naptr(name)

    async def srv(self, name: str) -> list[Server]:
        return await self._servers().srv(name)

    def _servers(self) -> NameServers:
        if self._known is None:
            # Addresses and ports ask no name server, and what asks them takes long to load.
            from mediaserver.switch.sip.nameservers import NameServers

            self._known = NameServers()
        return self._known

    async def addresses(self, host: str) -> list[str]:
        until, kept = self._addresses.get(host, (0.0, []))
        if until > time.monotonic():
            return kept
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, None, family=self._family, type=socket.SOCK_DGRAM
            )
        except (socket.gaierror, UnicodeError):
            # Python's own check of a name: a label that is empty or longer than 63.
            return []
        addresses = [str(address[0]) for _, _, _, _, address in found]
        self._addresses[host] = (time.monotonic() + _KEEP, addresses)
        return addresses


class Resolver:
    """`draw` is chance, for weights."""

    def __init__(self, records: Records, draw: Draw = lambda most: secrets.randbelow(most + 1)) -> None:
        self._records = records
        self._draw = draw

    async def addresses(self, trunk: Trunk) -> list[Address]:
        """In the order to try them, each once. Raise OSError where there is none."""
        found: dict[Address, None] = {}
        for server in in_order(gateways_of(trunk), self._draw):
            for address in await self._of_server(server, trunk.transport):
                found.setdefault(address)
        if not found:
            raise OSError("the trunk's host name cannot be resolved")
        return list(found)

    async def _of_server(self, server: Server, transport: str) -> list[Address]:
        host = server.host.strip("[]")
        plain = "udp" if transport == "dns" else transport
        if server.port or is_ip(host):
            return await self._located(server, plain, server.host)
        for way, name in await self._services(host, transport):
            located = [
                address
                for target in in_order(await self._records.srv(name), self._draw)
                for address in await self._located(target, way, server.host)
            ]
            if located:
                return located
        return await self._located(server, plain, server.host)

    async def _services(self, host: str, transport: str) -> list[tuple[str, str]]:
        if transport != "dns":
            return [(transport, srv_name(host, transport))]
        chosen = choose_services(await self._records.naptr(host), _BY_DNS)
        return chosen or [(way, srv_name(host, way)) for way in _BY_DNS]

    async def _located(self, server: Server, transport: str, domain: str) -> list[Address]:
        """The certificate has to be for the domain asked for, not for what DNS made of it (RFC 5922 4)."""
        host = server.host.strip("[]")
        port = server.port or (TLS_PORT if transport == "tls" else DEFAULT_PORT)
        hosts = [host] if is_ip(host) else await self._records.addresses(host)
        return [Address(found, port, transport, domain.strip("[]") if transport == "tls" else "") for found in hosts]


def fixed_address(trunk: Trunk) -> Address | None:
    """Of a trunk that is one address and no more, asked nobody for."""
    host = trunk.host.strip("[]")
    if is_ip(host) and trunk.transport == "udp" and not (trunk.gateways or trunk.proxy):
        return Address(host, trunk.port)
    return None
