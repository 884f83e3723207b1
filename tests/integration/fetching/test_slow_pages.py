"""What a caller hears of slow pages, and what a server is asked by several calls: real calls, a real web server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from common.control import CallRequest, CallStatus, Trunk
from common.ids import new_id
from mediaserver.dialog import audio
from mediaserver.local import LocalServer
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.population import Population
from tests.support.media_server import keep_open

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
PAGE = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">{}</vxml>'
START = PAGE.format(
    '<property name="fetchaudiodelay" value="200ms"/><property name="fetchaudiominimum" value="0s"/>'
    '<form><block><goto next="slow" fetchaudio="tone.wav"/></block></form>'
)
SLOW = PAGE.format("<form><block><exit expr=\"'arrived'\"/></block></form>")


def tone(seconds: float) -> bytes:
    moments = np.arange(int(seconds * audio.RATE), dtype=np.float32) / audio.RATE
    return audio.to_wav(audio.from_samples((np.sin(2 * np.pi * 440 * moments) / 2).astype(np.float32), audio.RATE))


class Site:
    """The slow page comes after `pause`, and once the caller has heard so many packets of sound."""

    def __init__(self, pause: float, sound: int = 0) -> None:
        self.pause, self.sound = pause, sound
        self.heard: Callable[[], int] = lambda: 0
        self.asked: Counter[str] = Counter()
        self.validated = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if request.path == "/start":
            return web.Response(text=START, headers={"Cache-Control": "max-age=60"})
        if request.path == "/tone.wav":
            if request.headers.get("If-None-Match") == '"tone"':
                self.validated += 1
                return web.Response(status=304)
            return web.Response(body=tone(0.4), content_type="audio/wav", headers={"ETag": '"tone"'})
        await asyncio.sleep(self.pause)
        while self.heard() < self.sound:
            await asyncio.sleep(0.02)
        return web.Response(text=SLOW)


async def calls(site: Site, number: int) -> list[tuple[CallStatus, Mapping[str, Any]]]:
    """Calls one after the other, with what the far end reported of each."""
    application = web.Application()
    application.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    listener = Behaviour("listens", patience=30)
    held = []
    try:
        async with (
            Carrier(CarrierSettings(port=0), Population(everyone=listener)) as carrier,
            LocalServer(host="127.0.0.1", line="native", allow=(origin,), max_calls=2) as server,
        ):
            keep_open(server.board)
            site.heard = lambda: max((call.media.ear.loud for call in carrier.calls.values() if call.media), default=0)
            for _ in range(number):
                request = CallRequest(
                    new_id(), "+15550100000", "+15550100001", Trunk("127.0.0.1", carrier.port), f"{origin}/start"
                )
                status = await server.call(request)
                report = next(one for one in carrier.recent if one["attempt"] == request.attempt_id)
                held.append((status, report))
    finally:
        await runner.cleanup()
    return held


async def test_a_slow_page_is_bridged_by_its_audio_until_it_comes() -> None:
    site = Site(pause=0.0, sound=60)
    ((status, report),) = await calls(site, 1)
    assert status.exit == {"expr": "arrived"}
    # The clip is 0.4 s and was begun again; it ended with the page, with room for the machine.
    assert 1200 <= report["rtp"]["loud_ms"] < 6000


async def test_a_page_that_is_quick_is_not() -> None:
    ((status, report),) = await calls(Site(pause=0.0), 1)
    assert status.exit == {"expr": "arrived"}
    assert report["rtp"]["loud_ms"] == 0


async def test_calls_of_one_script_share_what_the_server_lets_them_keep() -> None:
    site = Site(pause=0.5)
    held = await calls(site, 3)
    assert [status.exit for status, _ in held] == [{"expr": "arrived"}] * 3
    assert (site.asked["/start"], site.asked["/slow"]) == (1, 3)
    assert (site.asked["/tone.wav"], site.validated) == (3, 2)
    assert all(report["rtp"]["loud_ms"] > 0 for _, report in held)
