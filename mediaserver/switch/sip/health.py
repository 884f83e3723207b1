"""Which servers of a trunk are worth trying: what OPTIONS and calls tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.control import Trunk
from mediaserver.switch.sip.transaction import Address

#: Seconds between two OPTIONS to one server, and how long a server is looked after once no call has gone there.
PING_INTERVAL = 30.0
FORGET = 600.0
#: OPTIONS in a row without an answer, and a server counts as down.
_SILENT = 2
#: Seconds a server that could not be reached counts as down.
_REST = 30.0

#: What leads to a trunk's servers.
_At = tuple[str, int, str, str, tuple[str, ...]]


@dataclass(slots=True)
class _Server:
    used_at: float
    pinged_at: float
    silent: int = 0
    #: It could not be reached; worth trying when nothing better is left.
    down_until: float = float("-inf")
    #: It asked to be left alone (503 with Retry-After), and is.
    rests_until: float = float("-inf")

    def is_doubtful(self, now: float) -> bool:
        return self.silent >= _SILENT or self.down_until > now


class Health:
    """`now` is monotonic seconds. A server never heard of is well."""

    def __init__(self) -> None:
        self._servers: dict[Address, _Server] = {}
        self._trunks: dict[_At, tuple[Address, ...]] = {}

    def rank(self, addresses: Iterable[Address], now: float) -> list[Address]:
        """Those worth trying, the doubtful ones last; a server that asked for rest is left alone."""
        known = [(address, self._servers.get(address)) for address in addresses]
        awake = [(address, server) for address, server in known if server is None or server.rests_until <= now]
        well = [address for address, server in awake if server is None or not server.is_doubtful(now)]
        return well + [address for address, server in awake if server is not None and server.is_doubtful(now)]

    def order(self, trunks: Sequence[Trunk], now: float) -> tuple[list[Trunk], list[Trunk]]:
        """All of them, those whose every server is in doubt last; and which of these came before a better one."""
        doubtful = [trunk for trunk in trunks if self._is_doubtful(trunk, now)]
        well = [trunk for trunk in trunks if trunk not in doubtful]
        passed_over = [trunk for trunk in doubtful if well and trunks.index(trunk) < trunks.index(well[0])]
        return well + doubtful, passed_over

    def _is_doubtful(self, trunk: Trunk, now: float) -> bool:
        servers = [self._servers.get(address) for address in self._trunks.get(_at(trunk), ())]
        return bool(servers) and all(server is not None and server.is_doubtful(now) for server in servers)

    def knows(self, trunk: Trunk) -> bool:
        return _at(trunk) in self._trunks

    def watch(self, trunk: Trunk, addresses: Sequence[Address], now: float) -> None:
        """These are a trunk's servers: ask them from time to time how they are."""
        self._trunks[_at(trunk)] = tuple(addresses)
        for address in addresses:
            self._servers.setdefault(address, _Server(now, now)).used_at = now

    def due(self, now: float) -> list[Address]:
        """Whom to send OPTIONS now; each is given once an interval."""
        for address in [a for a, server in self._servers.items() if now - server.used_at > FORGET]:
            del self._servers[address]
        for at in [at for at, addresses in self._trunks.items() if not any(a in self._servers for a in addresses)]:
            del self._trunks[at]
        due = [address for address, server in self._servers.items() if now - server.pinged_at >= PING_INTERVAL]
        for address in due:
            self._servers[address].pinged_at = now
        return due

    def next_timer(self) -> float | None:
        return min((server.pinged_at + PING_INTERVAL for server in self._servers.values()), default=None)

    def answered(self, address: Address, status: int | None, retry_after: int, now: float) -> None:
        """To OPTIONS or an INVITE; None for no answer. Whatever a server says, it is there."""
        server = self._servers.get(address)
        if status == 503 and retry_after:
            server = server or self._servers.setdefault(address, _Server(now, now))
            server.rests_until = now + retry_after
        elif server is not None:
            server.silent = server.silent + 1 if status is None else 0
            server.down_until = server.down_until if status is None else float("-inf")

    def unreachable(self, address: Address, now: float) -> None:
        self._servers.setdefault(address, _Server(now, now)).down_until = now + _REST


def _at(trunk: Trunk) -> _At:
    return (trunk.host, trunk.port, trunk.transport, trunk.proxy, trunk.gateways)
