"""Several servers of one trunk: who is tried, in which order, and when nobody else may be."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from common.control import Disposition, Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed, InviteSpec, Ladder, TrunkFailed
from mediaserver.switch.sip.resolver import DnsRecords
from mediaserver.switch.sip.sdp import make_offer
from mediaserver.switch.sip.selection import Naptr, Server
from tests.support.sip_near import FAST, NOTHING, Near, near
from tests.support.sipp import Sipp, in_one_piece
from tests.support.stillness import stillness

#: socket(7); Python has no name for it.
SO_TIMESTAMPNS = 35

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


class Zone:
    """DNS in memory: one domain, whose SRV records are given."""

    def __init__(self, *servers: Server) -> None:
        self._servers = list(servers)

    async def naptr(self, name: str) -> list[Naptr]:
        return []

    async def srv(self, name: str) -> list[Server]:
        return self._servers if name.endswith("carrier.test") and "_udp" in name else []

    async def addresses(self, host: str) -> list[str]:
        return ["127.0.0.1"]


class BrokenZone(Zone):
    """One name makes it fail as nobody foresaw."""

    async def addresses(self, host: str) -> list[str]:
        if host == "broken.test":
            raise ValueError("no such thing was thought of")
        return await super().addresses(host)


def call(end: Near, trunk: Trunk, name: str = "call", further: tuple[Trunk, ...] = ()) -> None:
    offer = make_offer("127.0.0.1", 40_000)
    spec = InviteSpec(name, "+12125550100", "+12125550199", "", trunk, offer, 10.0, alternatives=further)
    end.endpoint.invite(spec)


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        return int(gone.getsockname()[1])


@asynccontextmanager
async def sipp(scenario: str, status: int = 486) -> AsyncIterator[Sipp]:
    far = await Sipp.start(scenario, status=status)
    try:
        yield far
    finally:
        await far.stop()


def test_an_error_that_nobody_foresaw_ends_the_call_on_that_trunk_and_the_next_one_takes_it() -> None:
    async def scene() -> None:
        async with sipp("answer_after_180") as good, near(FAST, BrokenZone()) as end:
            broken = Trunk("broken.test", 0, name="broken")
            call(end, broken, further=(Trunk("127.0.0.1", good.port),))
            await end.wait(Established, Failed)
            end.endpoint.hang_up("call")
            await end.wait(Ended, Failed)
            assert end.end == Ended("call", by_far_end=False)
            (fault,) = end.of(TrunkFailed)
            assert (fault.fault.trunk, fault.fault.down) == ("broken", True)
            assert await good.wait() == ""
            end.events.clear()
            call(end, broken)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR
            assert await end.settled() == NOTHING

    asyncio.run(scene())


def test_a_host_name_that_cannot_be_one_is_a_trunk_without_servers() -> None:
    assert asyncio.run(DnsRecords(socket.AF_INET).addresses("a" * 70 + ".example")) == []


@pytest.mark.parametrize("transport", ["udp", "dns"])
def test_srv_records_are_tried_by_priority_until_one_answers(transport: str) -> None:
    async def scene() -> None:
        async with sipp("refuse", 503) as busy, sipp("answer_after_180") as good:
            zone = Zone(Server("c", good.port, 3), Server("a", closed_port(), 1), Server("b", busy.port, 2))
            async with near(FAST, zone) as end:
                call(end, Trunk("carrier.test", 0, transport))
                await end.wait(Established, Failed)
                end.endpoint.hang_up("call")
                await end.wait(Ended, Failed)
                assert end.end == Ended("call", by_far_end=False)
                assert (await busy.wait(), await good.wait()) == ("", "")
                ids = [event.text for event in end.of(Ladder) if event.text.startswith("Call-ID")]
                assert (len(ids), len(set(ids))) == (3, 1)
                assert await end.settled() == NOTHING

    asyncio.run(in_one_piece(scene))


@pytest.mark.parametrize(("scenario", "status"), [("refuse", 486), ("refuse", 500), ("ring_then_refuse", 503)])
def test_no_other_server_is_tried_once_the_first_may_have_rung(scenario: str, status: int) -> None:
    async def scene() -> None:
        async with sipp(scenario, status) as first, sipp("answer_after_180") as second, near() as end:
            call(end, Trunk("127.0.0.1", first.port, gateways=(f"127.0.0.1:{second.port};priority=1",)))
            await end.wait(Ended, Failed)
            assert isinstance(end.end, Failed)
            assert end.end.sip_status == status
            assert end.ladder.count("-> INVITE") == 1

    asyncio.run(in_one_piece(scene))


def test_where_no_server_takes_the_call_the_last_word_is_reported_once() -> None:
    async def scene() -> None:
        async with sipp("refuse", 503) as busy, near() as end:
            call(end, Trunk("127.0.0.1", closed_port(), gateways=(f"127.0.0.1:{busy.port};priority=1",)))
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert (end.end.disposition, end.end.sip_status) == (Disposition.REFUSED, 503)
            assert await end.settled() == NOTHING

    asyncio.run(in_one_piece(scene))


def test_a_server_that_asked_for_rest_is_left_alone() -> None:
    async def scene() -> None:
        async with sipp("refuse_with_retry_after") as busy, near() as end:
            trunk = Trunk("127.0.0.1", busy.port)
            call(end, trunk)
            await end.wait(Failed)
            assert await busy.wait() == ""
            end.events.clear()
            call(end, trunk, "second")
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert "Retry-After" in end.end.reason
            assert end.of(Failed)[0].sip_status == 503
            assert await end.settled() == NOTHING

    asyncio.run(in_one_piece(scene))


async def limited_calls() -> tuple[list[float], int, float]:
    """When eight calls over a trunk of two a second and five channels started, how many were refused for waiting too
    long, and for how long at most this loop stood still meanwhile."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        silent.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        async with near() as end, stillness() as still:
            trunk = Trunk("127.0.0.1", silent.getsockname()[1], calls_per_second=2, max_channels=5)
            for number in range(8):
                call(end, trunk, f"call-{number}")
            seen: dict[str, float] = {}
            began = time.monotonic()
            while time.monotonic() - began < 3.3:
                await asyncio.sleep(0.005)
                try:
                    data, control, _, _ = silent.recvmsg(4096, 64)
                except BlockingIOError:
                    continue
                call_id = data.decode().partition("Call-ID: ")[2].partition("\r")[0]
                # When the kernel got it; this loop may look late.
                seconds, nanoseconds = struct.unpack("@qq", control[0][2])
                seen.setdefault(call_id, seconds + nanoseconds / 1e9)
            refused = [event for event in end.of(Failed) if event.disposition is Disposition.NOT_ADMITTED]
        return sorted(seen.values()), len(refused), still.longest


def test_a_trunks_limits_delay_calls_and_refuse_what_waits_too_long() -> None:
    while True:
        starts, refused, stood_still = asyncio.run(limited_calls())
        # A call may leave as much later than it was let go.
        apart = 0.98 - min(stood_still, 0.08)
        assert all(later - earlier > apart for earlier, later in zip(starts, starts[2:], strict=False))
        # Who waits for three seconds, two of which nobody could start in, is refused as well: play again.
        if stood_still < 0.5:
            break
    assert (len(starts), refused) == (5, 3)


def faults(end: Near) -> list[tuple[str, bool, int, str]]:
    """The trunk, whether it is down, how long it wants rest, and who follows."""
    told = [(event.fault, event.following) for event in end.of(TrunkFailed)]
    return [(fault.trunk, fault.down, fault.retry_after, after.name if after else "") for fault, after in told]


def test_another_trunk_takes_a_call_that_the_first_ones_did_not() -> None:
    async def scene() -> None:
        async with sipp("refuse_with_retry_after") as busy, sipp("answer_after_180") as good, near() as end:
            dead = Trunk("127.0.0.1", closed_port(), name="dead")
            tired = Trunk("127.0.0.1", busy.port, name="tired", calls_per_second=1, max_channels=1)
            call(end, dead, further=(tired, Trunk("127.0.0.1", good.port, name="good", max_channels=1)))
            await end.wait(Established, Failed)
            end.endpoint.hang_up("call")
            await end.wait(Ended, Failed)
            assert end.end == Ended("call", by_far_end=False)
            assert faults(end) == [("dead", True, 0, "tired"), ("tired", False, 60, "good")]
            ids = [event.text for event in end.of(Ladder) if event.text.startswith("Call-ID")]
            assert (len(ids), len(set(ids))) == (3, 1)
            assert (await busy.wait(), await good.wait()) == ("", "")
            # What was tried lately is not tried again: one is down, one rests, and its channel is free.
            end.events.clear()
            call(end, dead, "second", further=(tired,))
            await end.wait(Failed)
            assert [event.fault.trunk for event in end.of(TrunkFailed)][:2] == ["dead", "tired"]
            assert await end.settled() == NOTHING

    asyncio.run(in_one_piece(scene))


@pytest.mark.parametrize(("scenario", "status"), [("refuse", 486), ("ring_then_refuse", 503)])
def test_no_other_trunk_is_tried_once_the_first_may_have_rung(scenario: str, status: int) -> None:
    async def scene() -> None:
        async with sipp(scenario, status) as first, sipp("answer_after_180") as second, near() as end:
            further = (Trunk("127.0.0.1", second.port, name="second"),)
            call(end, Trunk("127.0.0.1", first.port, name="first"), further=further)
            await end.wait(Ended, Failed)
            assert isinstance(end.end, Failed)
            assert end.end.sip_status == status
            assert end.ladder.count("-> INVITE") == 1

    asyncio.run(in_one_piece(scene))


def test_a_trunk_without_room_passes_its_calls_on() -> None:
    async def scene() -> None:
        async with sipp("ring_until_cancelled") as first, sipp("answer_after_180") as second, near() as end:
            full = Trunk("127.0.0.1", first.port, name="full", max_channels=1)
            call(end, full)
            call(end, full, "next", further=(Trunk("127.0.0.1", second.port, name="free"),))
            await end.until(lambda: any(e.call == "next" for e in (*end.of(Established), *end.of(Failed))))
            assert faults(end) == [("full", False, 0, "free")]
            for name in ("call", "next"):
                end.endpoint.hang_up(name)
            await end.until(lambda: len(end.of(Ended)) + len(end.of(Failed)) == 2)
            assert [event.call for event in end.of(Ended)] == ["next"]
            assert (await first.wait(), await second.wait()) == ("", "")

    asyncio.run(in_one_piece(scene))
