"""What trunks and far ends do, one SIPp scenario each, over UDP, TCP, IPv6, and TLS through Kamailio with digest.

All play side by side; docs/reference/sip.md tells which scenario shows what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from common.control import CallerIdentity, Disposition, Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed, InviteSpec, KeyByInfo, MediaChanged, TransferAsked
from mediaserver.switch.sip.sdp import Direction, make_offer
from mediaserver.switch.sip.tls import TlsFiles
from tests.support.kamailio import BY_NUMBER, PASSWORD, Proxy, kamailio
from tests.support.sip_near import NOTHING, Near, near
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

WHO = CallerIdentity(asserted="+12125550188", private=True, diversion="+12125550177", user_to_user="case 7")
Until = Callable[[Near], bool]


async def just_wait(end: Near) -> None:
    """The far end ends it."""


def hang_up_after(enough: Until) -> Callable[[Near], Awaitable[None]]:
    async def script(end: Near) -> None:
        await end.until(lambda: enough(end) or bool(end.of(Failed)))
        end.endpoint.hang_up("call")

    return script


at_once = hang_up_after(lambda end: bool(end.of(Established)))


@dataclass(frozen=True)
class Case:
    scenario: str
    script: Callable[[Near], Awaitable[None]] = at_once
    status: int = 486
    trunk: Trunk = field(default_factory=lambda: Trunk("127.0.0.1"))
    identity: CallerIdentity = field(default_factory=CallerIdentity)
    #: As SIPp counts them: a registration is one of its own.
    calls: int = 1
    #: It is an agent's phone.
    may_refer: bool = False


async def take_the_transfer(end: Near) -> None:
    await end.wait(TransferAsked, Failed)
    for status in (202, 200):
        end.endpoint.tell_transfer("call", status)


MOVABLE = Trunk("127.0.0.1", redirects=("+1212",))
MEMBER = Trunk("127.0.0.1", username="outreach", password="s3cret", domain="clarion.test", register=True)
CASES = {
    "redirect_outside": Case("redirect_outside", just_wait, trunk=MOVABLE),
    "redirect_six_deep": Case("redirect_six_deep", just_wait, trunk=MOVABLE),
    "late_answer_of_a_fork": Case(
        "late_answer_of_a_fork", hang_up_after(lambda end: end.ladder.count("<- 200 OK (BYE)") == 1)
    ),
    "update_by_the_far_end": Case("update_by_the_far_end", hang_up_after(lambda end: bool(end.of(MediaChanged)))),
    # SIPp cannot take a BYE before it has sent the ACK.
    "hold_and_resume": Case("hold_and_resume", hang_up_after(lambda end: end.ladder.count("<- ACK") == 2)),
    "keys_by_info": Case("keys_by_info", just_wait),
    "who_calls": Case("who_calls", identity=WHO),
    "compact_and_folded": Case("compact_and_folded"),
    "stranger_with_the_call_id": Case("stranger_with_the_call_id", hang_up_after(lambda end: bool(end.of(KeyByInfo)))),
    "record_route": Case("record_route"),
    "refers": Case("refers", take_the_transfer, may_refer=True),
    "refers_in_vain": Case("refers_in_vain", just_wait),
    "607": Case("refuse", just_wait, 607),
    "608": Case("refuse", just_wait, 608),
    "reason": Case("refuse_with_reason", just_wait),
    "register_401": Case("register_401", trunk=MEMBER, calls=2),
    "register_407": Case("register_407", trunk=MEMBER, calls=2),
    "register_423": Case("register_423", trunk=MEMBER, calls=2),
    "register_403": Case("register_refused", just_wait, 403, trunk=MEMBER),
    "register_503": Case("register_refused", just_wait, 503, trunk=MEMBER),
}
#: What our own requests and answers carry passes a proxy; SIPp's own requests in a call do not find back through one.
THROUGH_A_PROXY = ("who_calls", "607", "608", "reason")
TRANSPORTS = ("udp", "tcp", "udp6", "tls")


@dataclass(frozen=True)
class Outcome:
    near: Near
    complaints: str


async def play(name: str, transport: str, room: asyncio.Semaphore, proxy: Proxy) -> Outcome:
    case, host = CASES[name], "::1" if transport == "udp6" else "127.0.0.1"
    ours = proxy.authority.issue("client.test")
    files = TlsFiles(proxy.authority.file, ours.certificate, ours.key)
    async with room, near(tls=files, bind_host=host) as end:
        behind = "tcp" if transport == "tcp" else "udp"
        far = await Sipp.start(case.scenario, status=case.status, transport=behind, host=host, calls=case.calls)
        try:
            trunk = replace(case.trunk, host=host, port=far.port, transport=transport.removesuffix("6"))
            to = "+12125550100"
            if transport == "tls":
                trunk = replace(trunk, host="localhost", port=proxy.tls, username="outreach", password=PASSWORD)
                to = f"+12125{far.port:05}"
            offer = make_offer(host, 40_000)
            spec = InviteSpec("call", to, "+12125550199", "Collections", trunk, offer, 10.0, case.identity)
            end.endpoint.invite(replace(spec, may_refer=case.may_refer))
            await case.script(end)
            await end.wait(Ended, Failed)
            complaints = await far.wait()
            # A registration stays.
            left = NOTHING if case.trunk.register else await end.settled()
            complaints += "" if left == NOTHING else f"left: {left}"
        except TimeoutError:
            complaints = f"our side never ended: {end.ladder}"
        finally:
            far.kill()
        return Outcome(end, complaints)


async def play_all() -> dict[tuple[str, str], Outcome]:
    room = asyncio.Semaphore(20)
    wanted = [(name, transport) for transport in TRANSPORTS for name in CASES]
    wanted = [(name, transport) for name, transport in wanted if transport != "tls" or name in THROUGH_A_PROXY]
    async with kamailio(BY_NUMBER) as proxy:
        plays = (partial(play, name, transport, room, proxy) for name, transport in wanted)
        outcomes = await asyncio.gather(*map(in_one_piece, plays))
    return dict(zip(wanted, outcomes, strict=True))


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], Outcome]:
    return asyncio.run(play_all())


def each(outcomes: dict[tuple[str, str], Outcome], name: str) -> list[Near]:
    """The near ends of a case, over all transports."""
    found = [outcome.near for (case, _), outcome in outcomes.items() if case == name]
    assert len(found) >= 3
    return found


def test_every_far_end_is_content_and_nothing_is_left(outcomes: dict[tuple[str, str], Outcome]) -> None:
    complaints = {key: outcome.complaints for key, outcome in outcomes.items() if outcome.complaints}
    assert complaints == {}


@pytest.mark.parametrize(
    "name",
    [
        *("late_answer_of_a_fork", "update_by_the_far_end", "hold_and_resume", "who_calls", "compact_and_folded"),
        *("stranger_with_the_call_id", "record_route", "register_401", "register_407", "register_423"),
    ],
)
def test_the_call_is_answered_once_and_hung_up_by_us(outcomes: dict[tuple[str, str], Outcome], name: str) -> None:
    for end in each(outcomes, name):
        assert len(end.of(Established)) == 1
        assert end.end == Ended("call", by_far_end=False)


@pytest.mark.parametrize(("name", "invites"), [("redirect_outside", 1), ("redirect_six_deep", 6)])
def test_redirections_end_outside_the_prefixes_and_after_five(
    outcomes: dict[tuple[str, str], Outcome], name: str, invites: int
) -> None:
    for end in each(outcomes, name):
        assert isinstance(end.end, Failed)
        assert (end.end.disposition, end.end.sip_status) == (Disposition.REFUSED, 302)
        assert end.ladder.count("-> INVITE") == invites


def test_the_far_end_holds_and_resumes(outcomes: dict[tuple[str, str], Outcome]) -> None:
    for end in each(outcomes, "hold_and_resume"):
        assert [event.media.direction for event in end.of(MediaChanged)] == [Direction.SENDONLY, Direction.SENDRECV]


def test_keys_by_info_are_heard(outcomes: dict[tuple[str, str], Outcome]) -> None:
    for end in each(outcomes, "keys_by_info"):
        assert [event.key for event in end.of(KeyByInfo)] == ["5", "#"]
        assert end.end == Ended("call", by_far_end=True)


def test_an_agents_phone_and_nobody_else_may_ask_for_a_transfer(outcomes: dict[tuple[str, str], Outcome]) -> None:
    for name, asked in (
        ("refers", [TransferAsked("call", "tel:+12125550123", "sip:201@127.0.0.1")]),
        ("refers_in_vain", []),
    ):
        for end in each(outcomes, name):
            assert end.of(TransferAsked) == asked
            assert end.end == Ended("call", by_far_end=True)


@pytest.mark.parametrize(("name", "status"), [("607", 607), ("608", 608), ("reason", 480)])
def test_refusals_come_with_status_and_reason(outcomes: dict[tuple[str, str], Outcome], name: str, status: int) -> None:
    for end in each(outcomes, name):
        assert isinstance(end.end, Failed)
        assert end.end.sip_status == status
        assert end.end.release.q850 == (19 if name == "reason" else None)


@pytest.mark.parametrize("status", [403, 503])
def test_without_its_registration_no_call_leaves(outcomes: dict[tuple[str, str], Outcome], status: int) -> None:
    for end in each(outcomes, f"register_{status}"):
        assert isinstance(end.end, Failed)
        assert end.end.disposition is Disposition.AUTH_FAILED
        assert str(status) in end.end.reason
        assert "-> INVITE" not in end.ladder
