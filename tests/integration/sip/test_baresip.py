"""Outbound calls to baresip, a telephone that is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from common.control import Disposition
from mediaserver.switch.sip.events import Ended, Established, Failed, MediaChanged, Provisional
from tests.support.baresip import Baresip, baresip
from tests.support.sip_near import NOTHING, Near, near

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


def play(scene: Callable[[Near, Baresip], Awaitable[None]], *, answers: bool = True) -> Near:
    """Run `scene` against a fresh telephone and see that nothing is left."""

    async def run() -> Near:
        async with baresip(answers) as phone, near() as end:
            end.call(phone.port, to="sip:alice@127.0.0.1")
            await scene(end, phone)
            await end.wait(Ended, Failed)
            assert await end.settled() == NOTHING
            return end

    return asyncio.run(run())


def test_an_answered_call_is_hung_up_by_us() -> None:
    async def scene(end: Near, phone: Baresip) -> None:
        await end.wait(Established)
        end.endpoint.hang_up("call")

    end = play(scene)
    assert end.of(Established)[0].media.telephone_event == 101
    assert end.end == Ended("call", by_far_end=False)


def test_an_answered_call_is_hung_up_by_the_telephone() -> None:
    async def scene(end: Near, phone: Baresip) -> None:
        await end.wait(Established)
        phone.command("hangup")

    assert play(scene).end == Ended("call", by_far_end=True)


def test_hold_and_resume_by_the_telephone() -> None:
    async def scene(end: Near, phone: Baresip) -> None:
        await end.wait(Established)
        phone.command("hold")
        await end.wait(MediaChanged)
        phone.command("resume")
        await end.until(lambda: len(end.of(MediaChanged)) == 2)
        end.endpoint.hang_up("call")

    held, resumed = play(scene).of(MediaChanged)
    assert not held.media.wants_audio
    assert resumed.media.wants_audio


def test_a_declined_call_is_reported_with_its_status() -> None:
    async def scene(end: Near, phone: Baresip) -> None:
        await end.wait(Provisional)
        phone.command("hangup")

    failed = play(scene, answers=False).end
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status, failed.provisional) == (Disposition.REFUSED, 486, True)


def test_a_ringing_telephone_is_cancelled() -> None:
    async def scene(end: Near, phone: Baresip) -> None:
        await end.wait(Provisional)
        end.endpoint.hang_up("call")

    failed = play(scene, answers=False).end
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.CANCELLED, 487)
