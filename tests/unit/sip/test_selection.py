"""A trunk's servers: NAPTR and SRV order, gateways, and what their health makes of the order."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.control import Trunk
from common.gateways import Gateway
from mediaserver.switch.sip.health import FORGET, PING_INTERVAL, Health
from mediaserver.switch.sip.resolver import Resolver
from mediaserver.switch.sip.selection import Naptr, Server, choose_services, in_order
from mediaserver.switch.sip.transaction import Address

servers = st.lists(
    st.builds(Server, st.sampled_from("abcdef"), st.just(5060), st.integers(0, 3), st.integers(0, 5)), max_size=8
)


class Zone:
    """DNS in memory."""

    def __init__(self, naptr: list[Naptr] | None = None, srv: dict[str, list[Server]] | None = None) -> None:
        self._naptr, self._srv = naptr or [], srv or {}
        self.hosts = {"sip.example.org": ["192.0.2.1"], "a.example.org": ["192.0.2.2", "192.0.2.3"]}

    async def naptr(self, name: str) -> list[Naptr]:
        return self._naptr

    async def srv(self, name: str) -> list[Server]:
        return self._srv.get(name, [])

    async def addresses(self, host: str) -> list[str]:
        return self.hosts.get(host, [])


def find(zone: Zone, trunk: Trunk) -> list[Address]:
    return asyncio.run(Resolver(zone, lambda most: 0).addresses(trunk))


@settings(max_examples=60, deadline=None)
@given(servers, st.randoms(use_true_random=False))
def test_every_server_is_tried_once_in_the_order_of_priorities(offered: list[Server], chance: random.Random) -> None:
    ordered = in_order(offered, lambda most: chance.randint(0, most))
    assert Counter(ordered) == Counter(offered)
    assert [server.priority for server in ordered] == sorted(server.priority for server in offered)


def test_the_first_server_is_drawn_by_weight() -> None:
    chance = random.Random(4)
    pair = [Server("heavy", 1, weight=3), Server("light", 1, weight=1)]
    first = Counter(in_order(pair, lambda most: chance.randint(0, most))[0].host for _ in range(4000))
    # RFC 2782 draws from 0 to the sum, both included: the first in the list gets one number more.
    assert 0.70 < first["heavy"] / 4000 < 0.85


def test_no_service_is_a_sole_dot() -> None:
    assert in_order([Server(".", 0)], lambda most: 0) == []


def test_naptr_picks_transports_by_order_then_preference() -> None:
    records = [
        Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.org."),
        Naptr(50, 10, "S", "sip+d2u", "_sip._udp.example.org."),
        Naptr(90, 1, "s", "SIP+D2T", "_sip._tcp.example.org."),
        Naptr(10, 1, "s", "SIP+D2S", "_sip._sctp.example.org."),
        Naptr(10, 1, "u", "SIP+D2U", "!x!y!"),
    ]
    chosen = choose_services(records, ("udp", "tcp", "tls"))
    assert chosen == [("udp", "_sip._udp.example.org"), ("tls", "_sips._tcp.example.org")]


def test_a_port_asks_for_addresses_alone() -> None:
    assert find(Zone(), Trunk("a.example.org", 5070)) == [Address("192.0.2.2", 5070), Address("192.0.2.3", 5070)]


def test_without_a_port_srv_tells_the_servers_and_the_certificate_is_for_the_domain() -> None:
    zone = Zone(srv={"_sips._tcp.sip.example.org": [Server("a.example.org", 5071, 2), Server("192.0.2.9", 5072, 1)]})
    found = find(zone, Trunk("sip.example.org", 0, "tls"))
    assert found == [Address(host, port, "tls", "sip.example.org") for host, port in
                     (("192.0.2.9", 5072), ("192.0.2.2", 5071), ("192.0.2.3", 5071))]  # fmt: skip


def test_without_srv_the_host_itself_is_called_at_the_usual_port() -> None:
    assert find(Zone(), Trunk("sip.example.org", 0, "tls"))[0].port == 5061
    assert find(Zone(), Trunk("sip.example.org", 0, "dns")) == [Address("192.0.2.1", 5060)]


def test_the_transport_left_to_dns_comes_from_naptr() -> None:
    naptr = [Naptr(1, 1, "s", "SIP+D2T", "_sip._tcp.sip.example.org")]
    zone = Zone(naptr, {"_sip._tcp.sip.example.org": [Server("sip.example.org", 5090)]})
    assert find(zone, Trunk("sip.example.org", 0, "dns")) == [Address("192.0.2.1", 5090, "tcp")]


def test_an_outbound_proxy_stands_for_the_host() -> None:
    assert find(Zone(), Trunk("sip.example.org", proxy="192.0.2.8:5066")) == [Address("192.0.2.8", 5066)]


def test_gateways_follow_by_priority_and_no_address_twice() -> None:
    trunk = Trunk("sip.example.org", gateways=("192.0.2.7;priority=2", "192.0.2.1:5060;priority=1", "192.0.2.6:5062"))
    found = find(Zone(), trunk)
    assert found[2] == Address("192.0.2.7", 5060)
    assert set(found) == {Address("192.0.2.1", 5060), Address("192.0.2.6", 5062), Address("192.0.2.7", 5060)}


def test_a_host_without_address_is_an_error() -> None:
    with pytest.raises(OSError, match="resolved"):
        find(Zone(), Trunk("nowhere.example.org"))


@pytest.mark.parametrize("text", ["", "a b", "a:b", "a;weight=x", "a;priority=99999", "a:70000"])
def test_what_is_no_gateway_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="gateway"):
        Gateway.parse(text)


A, B = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
PAIR = Trunk("pair.example")


def test_a_server_silent_to_two_options_comes_last_until_it_answers() -> None:
    health = Health()
    health.watch(PAIR, [A, B], 0.0)
    health.answered(A, None, 0, 30.0)
    assert health.rank([A, B], 30.0) == [A, B]
    health.answered(A, None, 0, 60.0)
    assert health.rank([A, B], 60.0) == [B, A]
    health.answered(A, 405, 0, 90.0)
    assert health.rank([A, B], 90.0) == [A, B]


def test_a_server_that_cannot_be_reached_comes_last_for_a_while() -> None:
    health = Health()
    health.unreachable(A, 0.0)
    assert health.rank([A, B], 29.0) == [B, A]
    assert health.rank([A], 29.0) == [A]
    assert health.rank([A, B], 30.0) == [A, B]


def test_a_server_that_asks_for_rest_gets_it() -> None:
    health = Health()
    health.answered(A, 503, 120, 0.0)
    assert health.rank([A, B], 119.0) == [B]
    assert health.rank([A, B], 120.0) == [A, B]
    health.answered(B, 503, 0, 0.0)
    assert B in health.rank([A, B], 1.0)


def test_servers_are_asked_once_an_interval_as_long_as_calls_go_there() -> None:
    health = Health()
    health.watch(PAIR, [A, B], 0.0)
    assert health.next_timer() == PING_INTERVAL
    assert health.due(PING_INTERVAL) == [A, B]
    assert health.due(PING_INTERVAL) == []
    health.watch(PAIR, [B], FORGET)
    assert health.due(FORGET + 1) == [B]


def test_a_trunk_whose_every_server_is_silent_comes_after_those_that_are_well() -> None:
    health, other, unknown = Health(), Trunk("other.example"), Trunk("unknown.example")
    health.watch(PAIR, [A, B], 0.0)
    health.watch(other, [Address("192.0.2.3", 5060)], 0.0)
    silence = [(A, 30.0), (A, 60.0), (B, 30.0)]
    for server, now in silence:
        health.answered(server, None, 0, now)
    assert health.order([PAIR, other, unknown], 60.0) == ([PAIR, other, unknown], [])
    health.answered(B, None, 0, 60.0)
    assert health.order([PAIR, other, unknown], 60.0) == ([other, unknown, PAIR], [PAIR])
    assert health.order([other, PAIR], 60.0) == ([other, PAIR], [])
    assert health.order([PAIR], 60.0) == ([PAIR], [])
    health.answered(A, 200, 0, 90.0)
    assert health.order([PAIR, other], 90.0) == ([PAIR, other], [])
    assert health.due(FORGET + 61) == []
    assert not health.knows(PAIR)
