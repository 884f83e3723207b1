"""The `pyvoip` line against SIPp and baresip: the library's defects must not show."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from common.control import Disposition
from mediaserver.lines.base import Answered, Capability, Failed, Heard, HungUp, Key, Played, Ringing, Unsupported
from tests.support.baresip import baresip
from tests.support.pyvoip_near import NearLine, media_threads, near_line
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

Script = Callable[[NearLine, Sipp], Awaitable[None]]


async def hang_up_when_answered(end: NearLine, far: Sipp) -> None:
    end.call(far.port, username="outreach", password="s3cret")
    await end.wait(Answered, Failed)
    end.line.hang_up("call")


async def just_call(end: NearLine, far: Sipp) -> None:
    end.call(far.port)


async def ring_out(end: NearLine, far: Sipp) -> None:
    end.call(far.port, ring_timeout=0.3)


async def cancel_when_ringing(end: NearLine, far: Sipp) -> None:
    end.call(far.port)
    await end.wait(Ringing)
    end.line.hang_up("call")


@dataclass(frozen=True)
class Case:
    scenario: str
    script: Script
    end: tuple[object, ...]
    status: int = 486


US = ("hung up", False)
FAR = ("hung up", True)
CASES = {
    "answer_after_180": Case("answer_after_180", hang_up_when_answered, US),
    "answer_after_183": Case("answer_after_183", hang_up_when_answered, US),
    "answer_at_once": Case("answer_at_once", hang_up_when_answered, US),
    "challenge_401": Case("challenge_401", hang_up_when_answered, US),
    "challenge_407": Case("challenge_407", hang_up_when_answered, US),
    "far_end_hangs_up": Case("far_end_hangs_up", just_call, FAR),
    "repeat_200": Case("repeat_200", just_call, FAR),
    "hold": Case("hold", just_call, FAR),
    "no_password": Case("refuse", just_call, (Disposition.AUTH_FAILED, 407, False), 407),
    "ring_out": Case("ring_until_cancelled", ring_out, (Disposition.RING_TIMEOUT, 487, True)),
    "cancel": Case("ring_until_cancelled", cancel_when_ringing, (Disposition.CANCELLED, 487, True)),
    "crossing": Case("answer_despite_cancel", cancel_when_ringing, (Disposition.CANCELLED, 200, True)),
    **{
        f"{scenario} {status}": Case(scenario, just_call, (Disposition.REFUSED, status, False), status)
        for scenario in ("refuse", "refuse_after_100")
        for status in (302, 404, 425, 486, 503, 603)
    },
}


async def play(case: Case, room: asyncio.Semaphore) -> tuple[NearLine, str]:
    async with room, near_line() as end:
        far = await Sipp.start(case.scenario, status=case.status)
        try:
            await case.script(end, far)
            await end.wait(HungUp, Failed)
            return end, await far.wait()
        except TimeoutError:
            return end, f"our side never ended: {end.ladder}"
        finally:
            far.kill()


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[NearLine, str]]:
    async def all_of_them() -> list[tuple[NearLine, str]]:
        room = asyncio.Semaphore(6)
        return await asyncio.gather(*(in_one_piece(partial(play, case, room)) for case in CASES.values()))

    return dict(zip(CASES, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_the_call_ends_as_it_should_and_sipp_is_content(outcomes: dict[str, tuple[NearLine, str]], name: str) -> None:
    end, complaints = outcomes[name]
    assert complaints == ""
    told = end.end
    if isinstance(told, HungUp):
        assert ("hung up", told.by_far_end) == CASES[name].end
        assert len(end.of(Answered)) == 1
    else:
        assert (told.disposition, told.sip_status, told.provisional) == CASES[name].end
    assert media_threads() == []


def test_silence_and_a_closed_port_end_by_themselves() -> None:
    async def scene() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone,
        ):
            silent.bind(("127.0.0.1", 0))
            gone.bind(("127.0.0.1", 0))
            closed = gone.getsockname()[1]
            gone.close()
            async with near_line() as end:
                end.call(silent.getsockname()[1], name="silent")
                end.call(closed, name="closed")
                await end.until(lambda: len(end.of(Failed)) == 2)
                found = {event.call: event.disposition for event in end.of(Failed)}
                assert found == {"silent": Disposition.NO_REPLY, "closed": Disposition.TRANSPORT_ERROR}

    asyncio.run(scene())


def test_a_call_beyond_the_capacity_is_refused_and_says_why() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            async with near_line(capacity=2) as end:
                for name in ("one", "two", "three"):
                    end.call(silent.getsockname()[1], name=name)
                assert end.of(Failed) == []
                await end.wait(Failed)
                (refused,) = end.of(Failed)
                assert (refused.call, refused.disposition) == ("three", Disposition.NOT_ADMITTED)
                assert "2 calls at a time" in refused.reason

    asyncio.run(scene())


def test_a_call_that_makes_no_invite_is_refused_and_says_where() -> None:
    async def scene() -> None:
        async with near_line() as end:
            end.call(5060, to="+1555;evil=1")
            await end.wait(Failed)
            assert end.of(Failed)[0].disposition is Disposition.NOT_ADMITTED
            assert end.of(Failed)[0].reason.startswith("to:")

    asyncio.run(scene())


def test_audio_flows_both_ways_and_keys_are_counted_once() -> None:
    """A far end of the test's own: answers, sends audio and keys, listens to what is played."""

    async def scene() -> None:
        async with near_line() as end:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
                media.bind(("127.0.0.1", 0))
                media.setblocking(False)
                far = await Sipp.start("answer_at_once")
                end.call(far.port)
                await end.wait(Answered)
                call = end.line._calls["call"]
                # SIPp's answer names its own media port: from here on the test speaks in its place.
                call.media.direct("127.0.0.1", media.getsockname()[1], 101, True)
                near = ("127.0.0.1", call.media.inPort)
                end.line.listen("call", True)
                end.line.play("call", 7, (b"\x01" * 800, b"\x02" * 800), True)
                heard = await asyncio.get_running_loop().sock_recv(media, 2048)
                while heard[12:13] not in (b"\x01", b"\x02"):
                    heard = await asyncio.get_running_loop().sock_recv(media, 2048)
                assert len(heard) == 172
                media.sendto(b"\x80", near)
                media.sendto(bytes([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9]) + b"\x55" * 160, near)
                for sequence in (2, 3, 4):
                    head = bytes([0x80, 101, 0, sequence, 0, 0, 1, 0, 0, 0, 0, 9])
                    media.sendto(head + bytes([5, 10, 0, 160]), near)
                await end.wait(Played)
                await end.wait(Heard)
                assert end.of(Key) == [Key("call", "5")]
                assert not end.of(Played)[0].completed
                end.line.play("call", 8, (b"\x03" * 320,), False)
                await end.until(lambda: len(end.of(Played)) == 2)
                assert end.of(Played)[1] == Played("call", 8, True, 40)
                end.line.hang_up("call")
                await end.wait(HungUp)
                assert end.of(HungUp)[0].rtp.received == 4
                assert end.of(HungUp)[0].rtp.sent > 0
                assert await far.wait() == ""
        assert media_threads() == []

    asyncio.run(in_one_piece(scene))


def test_baresip_is_called_and_hangs_up() -> None:
    async def scene() -> None:
        async with baresip() as phone, near_line() as end:
            end.call(phone.port, to="sip:alice@127.0.0.1")
            await end.wait(Answered)
            phone.command("hangup")
            await end.wait(HungUp, Failed)
            assert isinstance(end.end, HungUp)
            assert end.end.by_far_end

    asyncio.run(scene())


def test_keys_cannot_be_sent_and_the_line_says_so() -> None:
    async def scene() -> None:
        async with near_line() as end:
            assert Capability.SEND_KEYS not in end.line.capabilities
            with pytest.raises(Unsupported):
                end.line.send_keys("call", "1")

    asyncio.run(scene())
