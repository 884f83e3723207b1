"""Outbound calls to baresip, a telephone that is not ours. The scenes run once, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.control import Disposition
from mediaserver.switch.sip.endpoint import SipStats
from mediaserver.switch.sip.events import Ended, Established, Failed, MediaChanged, Provisional, Transferred
from mediaserver.switch.sip.tls import TlsFiles
from tests.support.baresip import Baresip, baresip
from tests.support.certificates import Authority
from tests.support.sip_near import NOTHING, Near, near

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


async def we_hang_up(end: Near, phone: Baresip) -> None:
    await end.wait(Established)
    end.endpoint.hang_up("call")


async def it_hangs_up(end: Near, phone: Baresip) -> None:
    await end.wait(Established)
    phone.command("hangup")


async def it_holds_and_resumes(end: Near, phone: Baresip) -> None:
    await end.wait(Established)
    phone.command("hold")
    await end.wait(MediaChanged)
    phone.command("resume")
    await end.until(lambda: len(end.of(MediaChanged)) == 2)
    end.endpoint.hang_up("call")


async def it_declines(end: Near, phone: Baresip) -> None:
    await end.wait(Provisional)
    phone.command("hangup")


async def we_cancel(end: Near, phone: Baresip) -> None:
    await end.wait(Provisional)
    end.endpoint.hang_up("call")


@dataclass(frozen=True)
class Scene:
    script: Callable[[Near, Baresip], Awaitable[None]]
    answers: bool = True


SCENES = {
    "we hang up": Scene(we_hang_up),
    "it hangs up": Scene(it_hangs_up),
    "hold": Scene(it_holds_and_resumes),
    "declined": Scene(it_declines, answers=False),
    "cancelled": Scene(we_cancel, answers=False),
}


async def play(scene: Scene) -> tuple[Near, SipStats]:
    async with baresip(scene.answers) as phone, near() as end:
        end.call(phone.port, to="sip:alice@127.0.0.1")
        await scene.script(end, phone)
        await end.wait(Ended, Failed)
        return end, await end.settled()


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[Near, SipStats]]:
    async def all_of_them() -> list[tuple[Near, SipStats]]:
        return await asyncio.gather(*(play(scene) for scene in SCENES.values()))

    return dict(zip(SCENES, asyncio.run(all_of_them()), strict=True))


Outcomes = dict[str, tuple[Near, SipStats]]


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_left(outcomes: Outcomes, name: str) -> None:
    assert outcomes[name][1] == NOTHING


def test_an_answered_call_is_hung_up_by_us(outcomes: Outcomes) -> None:
    end, _ = outcomes["we hang up"]
    assert end.of(Established)[0].media.telephone_event == 101
    assert end.end == Ended("call", by_far_end=False)


def test_an_answered_call_is_hung_up_by_the_telephone(outcomes: Outcomes) -> None:
    assert outcomes["it hangs up"][0].end == Ended("call", by_far_end=True)


def test_hold_and_resume_by_the_telephone(outcomes: Outcomes) -> None:
    held, resumed = outcomes["hold"][0].of(MediaChanged)
    assert not held.media.wants_audio
    assert resumed.media.wants_audio


def test_a_declined_call_is_reported_with_its_status(outcomes: Outcomes) -> None:
    failed = outcomes["declined"][0].end
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status, failed.provisional) == (Disposition.REFUSED, 486, True)


def test_a_ringing_telephone_is_cancelled(outcomes: Outcomes) -> None:
    failed = outcomes["cancelled"][0].end
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.CANCELLED, 487)


def test_a_call_is_transferred_from_one_telephone_to_another() -> None:
    async def scene() -> None:
        async with baresip() as phone, baresip() as target, near() as end:
            end.call(phone.port, to="sip:alice@127.0.0.1")
            await end.wait(Established)
            end.endpoint.transfer("call", f"sip:alice@127.0.0.1:{target.port}")
            await end.wait(Transferred)
            assert end.of(Transferred) == [Transferred("call", 200)]
            end.endpoint.hang_up("call")
            await end.wait(Ended)
            assert await end.settled() == NOTHING

    asyncio.run(scene())


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_telephone_is_called_over_tcp_and_tls(transport: str, tmp_path: Path) -> None:
    async def scene() -> None:
        authority = Authority(tmp_path)
        certificate = authority.issue("localhost").both
        async with baresip(certificate=certificate) as phone, near(tls=TlsFiles(authority.file)) as end:
            end.transport = transport
            port = phone.port + 1 if transport == "tls" else phone.port
            end.call(port, to="sip:alice@127.0.0.1", host="localhost")
            await end.wait(Established, Failed)
            phone.command("hangup")
            await end.wait(Ended, Failed)
            assert end.end == Ended("call", by_far_end=True)
            assert await end.settled() == NOTHING

    asyncio.run(scene())
