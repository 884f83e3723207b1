"""Which servers of a trunk, in which order: NAPTR and SRV (RFC 3263, RFC 2782), pure; the records are passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from common.control import Trunk
from common.gateways import Gateway

#: A whole number from 0 to its argument, both included.
Draw = Callable[[int], int]

#: NAPTR services we can follow, and the transport each stands for (RFC 3263 4.1).
_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Server:
    """An SRV record, or a gateway configured like one."""

    host: str
    port: int
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Naptr:
    order: int
    preference: int
    flags: str
    service: str
    replacement: str


def srv_name(host: str, transport: str) -> str:
    return f"{_PREFIXES[transport]}.{host}"


def choose_services(records: Iterable[Naptr], transports: Sequence[str]) -> list[tuple[str, str]]:
    """(transport, name to ask SRV for), best first; the lowest order alone counts (RFC 2915)."""
    usable = [
        record
        for record in records
        if record.flags.lower() == "s" and _SERVICES.get(record.service.upper()) in transports
    ]
    if not usable:
        return []
    lowest = min(record.order for record in usable)
    ranked = sorted((record for record in usable if record.order == lowest), key=lambda record: record.preference)
    return [(_SERVICES[record.service.upper()], record.replacement.rstrip(".").lower()) for record in ranked]


def in_order(servers: Iterable[Server], draw: Draw) -> list[Server]:
    """By priority, and within one at random by weight. A sole target "." says that there is no service."""
    usable = [server for server in servers if server.host not in ("", ".")]
    ordered: list[Server] = []
    for _, group in groupby(sorted(usable, key=lambda server: server.priority), key=lambda server: server.priority):
        ordered += _by_weight(list(group), draw)
    return ordered


def _by_weight(servers: list[Server], draw: Draw) -> list[Server]:
    """RFC 2782: draw from the running sums, those of weight 0 first in the list, until none is left."""
    left = sorted(servers, key=lambda server: server.weight > 0)
    ordered = []
    while left:
        at, running = draw(sum(server.weight for server in left)), 0
        for index, server in enumerate(left):
            running += server.weight
            if running >= at:
                ordered.append(left.pop(index))
                break
    return ordered


def _server(text: str) -> Server:
    gateway = Gateway.parse(text)
    return Server(gateway.host, gateway.port, gateway.priority, gateway.weight)


def gateways_of(trunk: Trunk) -> list[Server]:
    """The outbound proxy where there is one, else the trunk's own host and its further gateways."""
    if trunk.proxy:
        return [_server(trunk.proxy)]
    return [Server(trunk.host, trunk.port, 0, 1), *(_server(text) for text in trunk.gateways)]
