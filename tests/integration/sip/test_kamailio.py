"""Through a proxy that is not ours: digest and Record-Route over UDP, TCP and TLS, with SIPp behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from common.control import Disposition, Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed, InviteSpec
from mediaserver.switch.sip.sdp import make_offer
from mediaserver.switch.sip.tls import TlsFiles
from tests.support.certificates import Authority
from tests.support.kamailio import PASSWORD, Proxy, kamailio
from tests.support.sip_near import FAST, NOTHING, Near, near
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def tls_of(proxy: Proxy) -> TlsFiles:
    ours = proxy.authority.issue("client.test")
    return TlsFiles(proxy.authority.file, ours.certificate, ours.key)


def call(end: Near, proxy: Proxy, password: str = PASSWORD) -> None:
    host, port = ("localhost", proxy.tls) if end.transport == "tls" else ("127.0.0.1", proxy.port)
    end.call(port, host=host, username="outreach", password=password)


async def scene(transport: str, scenario: str, *, we_hang_up: bool) -> tuple[Near, str]:
    far = await Sipp.start(scenario)
    try:
        async with kamailio(far.port) as proxy, near(FAST, tls=tls_of(proxy)) as end:
            end.transport = transport
            call(end, proxy)
            await end.wait(Established, Failed)
            if we_hang_up:
                end.endpoint.hang_up("call")
            await end.wait(Ended, Failed)
            complaints = await far.wait()
            assert await end.settled() == NOTHING
            return end, complaints
    finally:
        far.kill()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_through_the_proxy_is_authenticated_and_hung_up_by_us(transport: str) -> None:
    end, complaints = asyncio.run(in_one_piece(lambda: scene(transport, "answer_after_180", we_hang_up=True)))
    assert complaints == ""
    assert end.end == Ended("call", by_far_end=False)
    assert "<- 407 Proxy Authentication Required" in end.ladder


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_the_far_ends_bye_comes_back_by_the_way_we_went(transport: str) -> None:
    by_the_route = "far_end_hangs_up_by_the_route"
    end, complaints = asyncio.run(in_one_piece(lambda: scene(transport, by_the_route, we_hang_up=False)))
    assert complaints == ""
    assert end.end == Ended("call", by_far_end=True)


@pytest.mark.parametrize("register", [True, False])
def test_a_trunk_that_wants_a_registration_gets_it_before_the_call(register: bool) -> None:
    async def one() -> None:
        far = await Sipp.start("answer_after_180")
        try:
            async with kamailio(far.port, registered="outreach") as proxy, near() as end:
                trunk = Trunk(
                    "127.0.0.1",
                    proxy.port,
                    username="outreach",
                    password=PASSWORD,
                    domain="127.0.0.1",
                    register=register,
                )
                offer = make_offer("127.0.0.1", 40_000)
                end.endpoint.invite(InviteSpec("call", "+12125550100", "+12125550199", "", trunk, offer, 10.0))
                await end.wait(Established, Failed)
                if not register:
                    assert isinstance(end.end, Failed)
                    assert (end.end.sip_status, end.end.reason) == (403, "Register First")
                    return
                end.endpoint.hang_up("call")
                await end.wait(Ended, Failed)
                assert end.end == Ended("call", by_far_end=False)
                assert await far.wait() == ""
        finally:
            await far.stop()

    asyncio.run(in_one_piece(one))


def test_two_calls_share_one_tls_connection() -> None:
    async def both() -> None:
        first, second = await Sipp.start("answer_after_180"), None
        try:
            async with kamailio(first.port) as proxy, near(FAST, tls=tls_of(proxy)) as end:
                end.transport = "tls"
                for attempt in ("first", "second"):
                    if attempt == "second":
                        second = await Sipp.start("answer_after_180", port=first.port)
                    call(end, proxy)
                    await end.wait(Established)
                    end.endpoint.hang_up("call")
                    await end.wait(Ended)
                    assert await (second or first).wait() == ""
                    assert end.endpoint.connections == 1
                    end.events.clear()
        finally:
            first.kill()

    asyncio.run(in_one_piece(both))


def test_a_server_whose_certificate_is_not_trusted_gets_no_invite(tmp_path: Path) -> None:
    async def one() -> None:
        async with kamailio(9) as proxy, near(FAST, tls=TlsFiles(Authority(tmp_path).file)) as end:
            end.transport = "tls"
            call(end, proxy)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR
            assert "certificate" in end.end.reason
            assert await end.settled() == NOTHING

    asyncio.run(one())


def test_a_certificate_for_another_name_is_refused() -> None:
    async def one() -> None:
        async with kamailio(9) as proxy, near(FAST, tls=tls_of(proxy)) as end:
            end.transport = "tls"
            end.call(proxy.tls, host="127.0.0.1")
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR

    asyncio.run(one())


def test_a_server_that_asks_for_our_certificate_and_gets_none_is_a_transport_error() -> None:
    async def one() -> None:
        async with kamailio(9) as proxy, near(FAST, tls=TlsFiles(proxy.authority.file)) as end:
            end.transport = "tls"
            call(end, proxy)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            # Our handshake is over before the server looks at what we show (TLS 1.3). Its alert says that it has read
            # nothing of the call; a reset that comes before the alert is read leaves that open, and the call waits.
            assert end.end.disposition in (Disposition.TRANSPORT_ERROR, Disposition.NO_REPLY)
            assert await end.settled() == NOTHING

    asyncio.run(one())
