"""What the system's name servers say of a trunk's domain (RFC 3263): NAPTR and SRV records."""

from __future__ import annotations

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from mediaserver.switch.sip.selection import Naptr, Server

#: Seconds DNS may take for one question.
_LIFETIME = 3.0


class NameServers:
    """Nothing where there is no such record; raise OSError where nobody answers."""

    def __init__(self) -> None:
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def naptr(self, name: str) -> list[Naptr]:
        found = await self._ask(name, "NAPTR")
        return [
            Naptr(
                record.order,
                record.preference,
                record.flags.decode("ascii", "replace"),
                record.service.decode("ascii", "replace"),
                str(record.replacement),
            )
            for record in found
            if isinstance(record, NAPTR)
        ]

    async def srv(self, name: str) -> list[Server]:
        found = await self._ask(name, "SRV")
        return [
            Server(str(record.target).rstrip("."), record.port, record.priority, record.weight)
            for record in found
            if isinstance(record, SRV)
        ]

    async def _ask(self, name: str, kind: str) -> list[object]:
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver()
            self._resolver.cache = dns.resolver.LRUCache()
        try:
            return list(await self._resolver.resolve(name, kind, lifetime=_LIFETIME, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise OSError(f"DNS does not answer for {name}") from error
