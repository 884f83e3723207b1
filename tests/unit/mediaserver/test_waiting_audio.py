"""fetchaudio: after its delay, until the page is there, for its minimum at least."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mediaserver.dialog.prompts import Rendered
from mediaserver.dialog.waiting import WaitingAudio
from mediaserver.wire import Clip
from vxml.messages import AudioItem, FetchAudio

pytestmark = pytest.mark.asyncio
CLIPS = Rendered((Clip(file="music"),))


class Bench:
    def __init__(self, *, delay: float = 0.0, minimum: float = 0.0, rendered: Rendered = CLIPS) -> None:
        self.heard: list[str] = []
        self.page: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting = WaitingAudio(lambda _: self.heard.append("play"), lambda: self.heard.append("stop"))
        audio = FetchAudio(AudioItem("http://x/music"), delay, minimum)
        self.task = asyncio.ensure_future(self.waiting.accompany(self.page, audio, self._render(rendered)))

    async def _render(self, rendered: Rendered) -> Rendered:
        return rendered

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0)

    async def over(self) -> None:
        async with asyncio.timeout(30):
            await self.task


async def test_a_page_that_comes_within_the_delay_is_waited_for_in_silence() -> None:
    bench = Bench(delay=60)
    await asyncio.sleep(0)
    bench.page.set_result(None)
    await bench.over()
    assert bench.heard == []


async def test_a_slow_page_has_its_audio_until_it_is_there() -> None:
    bench = Bench()
    await bench.until(lambda: bench.heard == ["play"])
    bench.page.set_result(None)
    await bench.over()
    assert bench.heard == ["play", "stop"]


async def test_audio_that_is_over_begins_again() -> None:
    bench = Bench()
    for turn in range(1, 4):
        await bench.until(lambda turn=turn: bench.heard == ["play"] * turn)
        bench.waiting.ended()
    await bench.until(lambda: len(bench.heard) == 4)
    bench.page.set_result(None)
    await bench.over()
    assert bench.heard == ["play"] * 4 + ["stop"]


async def test_once_begun_it_is_heard_for_the_minimum() -> None:
    bench = Bench(minimum=0.05)
    await bench.until(lambda: bench.heard == ["play"])
    bench.page.set_result(None)
    await asyncio.sleep(0.01)
    assert not bench.task.done()
    await bench.over()
    assert bench.heard == ["play", "stop"]


async def test_nobody_is_entertained_who_has_hung_up() -> None:
    bench = Bench(minimum=60)
    await bench.until(lambda: bench.heard == ["play"])
    bench.waiting.hung_up()
    await bench.over()
    assert bench.heard == ["play", "stop"]
    assert not bench.page.done()


async def test_audio_that_cannot_be_had_is_silence() -> None:
    bench = Bench(rendered=Rendered(()))
    await asyncio.sleep(0.01)
    assert bench.heard == []
    await bench.over()
