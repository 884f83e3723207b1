"""The UDP shell itself: binding, event loops, misbehaving sinks, and digest reckoned by another hand."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from common.control import Disposition
from common.errors import ConfigError, ContractError
from mediaserver.switch.sip.endpoint import SipConfig, SipEndpoint
from mediaserver.switch.sip.events import Ended, Established, Failed, SipEvent
from tests.support.sip_near import FAST, NOTHING, near
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_calls_and_network_refusals_work_on_both_event_loops(run: Run) -> None:
    async def scene() -> None:
        far = await Sipp.start("answer_after_180")
        try:
            async with near() as end:
                end.call(far.port)
                await end.wait(Established)
                end.endpoint.hang_up("call")
                await end.wait(Ended)
                assert await far.wait() == ""
                end.events.clear()
                # Nobody is there any more: twice, since the error queue must go on working.
                for _ in range(2):
                    end.call(far.port)
                    await end.wait(Failed)
                    assert end.of(Failed)[0].disposition is Disposition.TRANSPORT_ERROR
                    end.events.clear()
                assert await end.settled() == NOTHING
        finally:
            far.kill()

    run(in_one_piece(scene))


def test_an_address_that_cannot_be_bound_is_a_configuration_error() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=str(port)):
                await SipEndpoint(SipConfig(bind_port=port)).start(print)
        with pytest.raises(ConfigError, match="IP address"):
            await SipEndpoint(SipConfig(bind_host="sip.example")).start(print)
        with pytest.raises(ConfigError, match="wildcard"):
            await SipEndpoint(SipConfig(bind_host="0.0.0.0")).start(print)

    asyncio.run(in_one_piece(scene))


def test_an_endpoint_that_is_not_started_says_so() -> None:
    endpoint = SipEndpoint()
    with pytest.raises(ContractError, match="not started"):
        endpoint.hang_up("call")
    assert endpoint.stats() == NOTHING


def test_a_failing_sink_does_not_stop_the_signalling() -> None:
    async def scene() -> None:
        ended = asyncio.Event()

        def sink(event: SipEvent) -> None:
            if isinstance(event, Failed):
                ended.set()
            raise ValueError("a defect above")

        endpoint = SipEndpoint(FAST)
        far = await Sipp.start("refuse")
        try:
            await endpoint.start(sink)
            async with near() as spare:
                spare.endpoint, original = endpoint, spare.endpoint
                spare.call(far.port)
                await asyncio.wait_for(ended.wait(), 60)
                assert await far.wait() == ""
                spare.endpoint = original
        finally:
            far.kill()
            await endpoint.close()

    asyncio.run(in_one_piece(scene))


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_407_is_answered_as_another_hand_reckons_it(algorithm: str) -> None:
    """This SIPp cannot check a Proxy-Authorization, so the far end is the test itself."""
    reckon = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def digest(*parts: str) -> str:
        return reckon(":".join(parts).encode()).hexdigest()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.setblocking(False)

            async def receive(method: str) -> tuple[str, Any]:
                while True:
                    data, source = await loop.sock_recvfrom(far, 4096)
                    if data.startswith(method.encode()):
                        return data.decode(), source

            async def answer(request: str, source: Any, status: str, extra: str = "") -> None:
                kept = re.findall(r"^((?:Via|From|To|Call-ID|CSeq): .*)\r\n", request, re.MULTILINE)
                kept = [f"{line};tag=far" if line.startswith("To:") else line for line in kept]
                text = "\r\n".join([f"SIP/2.0 {status}", *kept]) + f"\r\n{extra}Content-Length: 0\r\n\r\n"
                await loop.sock_sendto(far, text.encode(), source)

            async with near(t1=0.5) as end:
                end.call(far.getsockname()[1], username="outreach", password="s3cret")
                request, source = await receive("INVITE")
                challenge = f'Digest realm="clarion.test", nonce="n1", qop="auth-int,auth", algorithm={algorithm}'
                await answer(request, source, "407 Prove It", f"Proxy-Authenticate: {challenge}\r\n")
                await receive("ACK")
                request, source = await receive("INVITE")
                header = re.search(r"Proxy-Authorization: Digest (.*)\r\n", request)
                assert header is not None
                parts = dict(re.findall(r'(\w+)="?([^",]+)"?', header[1]))
                secret = digest("outreach", "clarion.test", "s3cret")
                target = digest("INVITE", request.split()[1])
                assert parts["uri"] == request.split()[1]
                assert parts["response"] == digest(secret, "n1", parts["nc"], parts["cnonce"], "auth", target)
                await answer(request, source, "486 Busy Here")
                await receive("ACK")
                await end.wait(Failed)
                assert end.of(Failed)[0].sip_status == 486

    asyncio.run(in_one_piece(scene))
