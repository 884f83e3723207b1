"""Outbound calls against SIPp. All scenarios run once, side by side; each test looks at its own outcome."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from common.control import Disposition, Trunk
from mediaserver.switch.sip.endpoint import SipStats
from mediaserver.switch.sip.events import (
    Ended,
    Established,
    Failed,
    Incoming,
    InviteSpec,
    MediaChanged,
    Provisional,
    SipEvent,
    Transferred,
)
from mediaserver.switch.sip.release import Release
from mediaserver.switch.sip.sdp import Direction, make_offer
from tests.support.sip_near import NOTHING, Near, near
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

STATUSES = (404, 480, 486, 503, 603)
Script = Callable[[Near, Sipp], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What our side told, what SIPp complained of, and what was left in the endpoint."""

    near: Near
    complaints: str
    left: SipStats

    def of(self, kind: type[SipEvent]) -> list[SipEvent]:
        return self.near.of(kind)


async def hang_up_when_established(end: Near, far: Sipp) -> None:
    end.call(far.port)
    await end.wait(Established, Failed)
    end.endpoint.hang_up("call")


async def just_call(end: Near, far: Sipp) -> None:
    end.call(far.port)


async def ring_out(end: Near, far: Sipp) -> None:
    end.call(far.port, ring_timeout=0.3)


async def cancel_when_ringing(end: Near, far: Sipp) -> None:
    end.call(far.port)
    await end.wait(Provisional)
    end.endpoint.hang_up("call")


async def call_with_password(end: Near, far: Sipp) -> None:
    end.call(far.port, username="outreach", password="s3cret")
    await end.wait(Established, Failed)
    end.endpoint.hang_up("call")


async def call_with_wrong_password(end: Near, far: Sipp) -> None:
    end.call(far.port, username="outreach", password="guess")


async def be_redirected(end: Near, far: Sipp) -> None:
    end.call(far.port, redirects=("+1212",))
    await end.wait(Established, Failed)
    end.endpoint.hang_up("call")


async def talk_for_five_seconds(end: Near, far: Sipp) -> None:
    end.call(far.port)
    await end.until(lambda: end.ladder.count("<- 200 OK (UPDATE)") == 2)
    end.endpoint.hang_up("call")


async def transfer(end: Near, far: Sipp) -> None:
    end.call(far.port)
    await end.wait(Established, Failed)
    end.endpoint.transfer("call", "sip:+12125550123@127.0.0.1")
    await end.wait(Transferred)
    end.endpoint.hang_up("call")


@dataclass(frozen=True)
class Case:
    scenario: str
    script: Script
    status: int = 486


CASES: dict[str, Case] = {
    "answer_after_180": Case("answer_after_180", hang_up_when_established),
    "answer_after_183": Case("answer_after_183", hang_up_when_established),
    "answer_at_once": Case("answer_at_once", hang_up_when_established),
    "ring_out": Case("ring_until_cancelled", ring_out),
    "cancel": Case("ring_until_cancelled", cancel_when_ringing),
    "answer_despite_cancel": Case("answer_despite_cancel", cancel_when_ringing),
    "repeat_200": Case("repeat_200", just_call),
    "far_end_hangs_up": Case("far_end_hangs_up", just_call),
    "hold": Case("hold", just_call),
    "challenge_401": Case("challenge_401", call_with_password),
    "challenge_407": Case("challenge_407", call_with_password),
    "wrong_password": Case("challenge_401", call_with_wrong_password),
    "redirect": Case("redirect", be_redirected),
    "reliable_183": Case("reliable_183", hang_up_when_established),
    "session_refresh": Case("session_refresh", talk_for_five_seconds),
    "transfer": Case("referred", transfer),
    "refuse_with_reason": Case("refuse_with_reason", just_call),
    **{f"{status}": Case("refuse", just_call, status) for status in STATUSES},
    **{f"100, {status}": Case("refuse_after_100", just_call, status) for status in STATUSES},
}


#: SIPp repeats its 200 over UDP alone.
OVER_UDP_ALONE = ("repeat_200",)


async def play(case: Case, transport: str, room: asyncio.Semaphore) -> Outcome:
    async with room, near() as end:
        end.transport = transport
        far = await Sipp.start(case.scenario, status=case.status, transport=transport)
        try:
            await case.script(end, far)
            await end.wait(Ended, Failed)
            complaints = await far.wait()
        except TimeoutError:
            complaints = f"our side never ended: {end.ladder}"
        finally:
            far.kill()
        return Outcome(end, complaints, await end.settled())


async def play_all(transport: str) -> dict[str, Outcome]:
    room = asyncio.Semaphore(12)  # most of the time is waiting for the last timers
    cases = {name: case for name, case in CASES.items() if transport == "udp" or name not in OVER_UDP_ALONE}
    outcomes = await asyncio.gather(*(in_one_piece(partial(play, case, transport, room)) for case in cases.values()))
    return dict(zip(cases, outcomes, strict=True))


@pytest.fixture(scope="module", params=["udp", "tcp"])
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    return asyncio.run(play_all(request.param))


@pytest.mark.parametrize("name", CASES)
def test_sipp_is_content_and_nothing_is_left(outcomes: dict[str, Outcome], name: str) -> None:
    if name not in outcomes:
        pytest.skip("SIPp does this over UDP alone")
    outcome = outcomes[name]
    assert outcome.complaints == ""
    assert outcome.left == NOTHING
    assert isinstance(outcome.near.end, Ended | Failed)


@pytest.mark.parametrize(
    ("name", "provisionals"), [("answer_after_180", [180]), ("answer_after_183", [183]), ("answer_at_once", [])]
)
def test_an_answer_is_established_whatever_came_before(
    outcomes: dict[str, Outcome], name: str, provisionals: list[int]
) -> None:
    end = outcomes[name].near
    assert [event.status for event in end.of(Provisional)] == provisionals
    assert len(end.of(Established)) == 1
    assert end.of(Established)[0].media.telephone_event == 101
    assert end.end == Ended("call", by_far_end=False)


def test_early_media_comes_with_the_183(outcomes: dict[str, Outcome]) -> None:
    (early,) = outcomes["answer_after_183"].near.of(Provisional)
    assert early.media is not None


@pytest.mark.parametrize("after", ["", "100, "])
@pytest.mark.parametrize("status", STATUSES)
def test_every_refusal_is_reported_with_its_status(outcomes: dict[str, Outcome], status: int, after: str) -> None:
    failed = outcomes[f"{after}{status}"].near.end
    assert failed == Failed("call", Disposition.REFUSED, status, "Refused", provisional=False)


@pytest.mark.parametrize(("name", "disposition"), [("ring_out", "ring_timeout"), ("cancel", "cancelled")])
def test_giving_up_cancels_and_ends_with_487(outcomes: dict[str, Outcome], name: str, disposition: str) -> None:
    end = outcomes[name].near
    assert isinstance(end.end, Failed)
    assert (end.end.disposition, end.end.sip_status) == (Disposition(disposition), 487)
    assert end.end.provisional
    assert end.ladder[-1] == "-> ACK"


def test_an_answer_that_crosses_the_cancel_is_hung_up(outcomes: dict[str, Outcome]) -> None:
    end = outcomes["answer_despite_cancel"].near
    assert isinstance(end.end, Failed)
    assert (end.end.disposition, end.end.sip_status) == (Disposition.CANCELLED, 200)
    assert "-> BYE" in end.ladder


def test_a_lost_ack_is_sent_again(outcomes: dict[str, Outcome]) -> None:
    if "repeat_200" not in outcomes:
        pytest.skip("SIPp repeats its 200 over UDP alone")
    end = outcomes["repeat_200"].near
    assert len([line for line in end.ladder if line == "-> ACK"]) >= 2
    assert len(end.of(Established)) == 1
    assert end.end == Ended("call", by_far_end=True)


def test_the_far_end_hangs_up(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["far_end_hangs_up"].near.end == Ended("call", by_far_end=True)


def test_hold_by_reinvite_is_answered_and_reported(outcomes: dict[str, Outcome]) -> None:
    (held,) = outcomes["hold"].near.of(MediaChanged)
    assert held.media.direction is Direction.SENDONLY
    assert not held.media.wants_audio


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_with_the_trunks_credentials(outcomes: dict[str, Outcome], status: int) -> None:
    end = outcomes[f"challenge_{status}"].near
    assert len(end.of(Established)) == 1
    assert end.ladder.count("-> INVITE") == 2


def test_a_wrong_password_is_refused(outcomes: dict[str, Outcome]) -> None:
    failed = outcomes["wrong_password"].near.end
    assert failed == Failed("call", Disposition.REFUSED, 403, "Wrong Credentials", provisional=False)


def test_a_trunk_is_called_over_ipv6() -> None:
    async def scene(transport: str) -> None:
        far = await Sipp.start("answer_after_180", transport=transport, host="::1")
        try:
            async with near(bind_host="::1") as end:
                end.transport = transport
                end.call(far.port, host="::1")
                await end.wait(Established, Failed)
                end.endpoint.hang_up("call")
                await end.wait(Ended, Failed)
                assert end.of(Established)[0].media.ip == "::1"
                assert await far.wait() == ""
                assert await end.settled() == NOTHING
        finally:
            far.kill()

    for transport in ("udp", "tcp"):
        asyncio.run(in_one_piece(partial(scene, transport)))


def test_a_redirection_is_followed(outcomes: dict[str, Outcome]) -> None:
    end = outcomes["redirect"].near
    assert end.end == Ended("call", by_far_end=False)
    assert end.ladder.count("-> INVITE") == 2


def test_a_reliable_183_is_acknowledged_and_its_answer_counts(outcomes: dict[str, Outcome]) -> None:
    end = outcomes["reliable_183"].near
    assert end.ladder.count("-> PRACK") == 1
    assert len(end.of(Established)) == 1


def test_a_session_is_refreshed(outcomes: dict[str, Outcome]) -> None:
    end = outcomes["session_refresh"].near
    assert end.ladder.count("-> UPDATE") == 2
    assert end.end == Ended("call", by_far_end=False)


def test_a_blind_transfer_is_told(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["transfer"].near.of(Transferred) == [Transferred("call", 200)]


def test_the_network_s_reason_comes_with_the_refusal(outcomes: dict[str, Outcome]) -> None:
    failed = outcomes["refuse_with_reason"].near.end
    assert isinstance(failed, Failed)
    assert (failed.sip_status, failed.release) == (480, Release(19, "Q.850 19 no answer"))


def test_silence_is_given_up_by_timer_b() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            async with near() as end:
                end.call(silent.getsockname()[1])
                await end.wait(Failed)
                assert isinstance(end.end, Failed)
                assert (end.end.disposition, end.end.sip_status) == (Disposition.NO_REPLY, None)
                # How many by then is tests/unit/sip's: a machine that stands still sends fewer.
                assert 1 <= end.ladder.count("-> INVITE again") <= 6
                assert await end.settled() == NOTHING

    asyncio.run(scene())


def test_a_closed_port_is_a_transport_error_at_once() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            port = gone.getsockname()[1]
        async with near(t1=0.5) as end:
            end.call(port)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR
            assert end.endpoint.stats() == NOTHING

    asyncio.run(scene())


def test_a_host_name_that_does_not_resolve_is_a_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    async def scene() -> None:
        async with near() as end:
            spec = InviteSpec("call", "+12125550100", "", "", Trunk("sip.trunk.test"), make_offer("127.0.0.1", 40_000))
            end.endpoint.invite(spec)
            await end.wait(Failed)
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.TRANSPORT_ERROR
            end.events.clear()
            end.endpoint.invite(spec)
            end.endpoint.hang_up("call")
            assert isinstance(end.end, Failed)
            assert end.end.disposition is Disposition.CANCELLED
            assert end.endpoint.stats() == NOTHING

    asyncio.run(scene())


@pytest.mark.parametrize("scenario", ["ask_options", "call_in"])
def test_requests_from_outside_are_answered(scenario: str) -> None:
    async def scene() -> None:
        async with near() as end:
            far = await Sipp.start(scenario, remote=end.endpoint.address)
            try:
                assert await far.wait() == ""
            finally:
                far.kill()
            assert await end.settled() == NOTHING
            assert end.events == []

    asyncio.run(in_one_piece(scene))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_telephone_that_calls_a_number_of_ours_is_answered(transport: str) -> None:
    async def scene() -> None:
        async with near(accepted=frozenset({"7001"})) as end:
            far = await Sipp.start("call_in_and_hang_up", remote=end.endpoint.address, transport=transport)
            try:
                await end.wait(Incoming)
                call = end.of(Incoming)[0].call
                end.endpoint.answer(call, make_offer("127.0.0.1", 40_000))
                assert await far.wait() == ""
            finally:
                far.kill()
            assert end.end == Ended(call, by_far_end=True, release=Release(16, "Q.850 16"))
            assert await end.settled() == NOTHING

    asyncio.run(in_one_piece(scene))


def test_closing_hangs_up_and_leaves_no_task_or_socket() -> None:
    async def scene() -> None:
        before = asyncio.all_tasks()
        far = await Sipp.start("answer_at_once")
        try:
            async with near() as end:
                end.call(far.port)
                await end.wait(Established)
                port = end.endpoint.address[1]
            assert end.end == Ended("call", by_far_end=False)
            assert await far.wait() == ""
        finally:
            far.kill()
        assert asyncio.all_tasks() == before
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))

    asyncio.run(in_one_piece(scene))
