"""SRTP calls to baresip, whose SRTP is not ours: a tone comes back, or the call is refused and says why."""

from __future__ import annotations

import asyncio

import pytest

from common.control import Disposition, Trunk
from mediaserver.lines.base import Failed, HungUp, LineEvent
from tests.support.baresip import baresip
from tests.support.echo_call import echo_call, share_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
SCENES = {
    "both wish": ("offer", ";mediaenc=srtp"),
    "we require": ("require", ";mediaenc=srtp"),
    "it demands": ("require", ";mediaenc=srtp-mand"),
    "it has none, we wish": ("offer", ""),
    "it has none, we require": ("require", ""),
    "it demands, ours is off": ("off", ";mediaenc=srtp-mand"),
}
Outcomes = dict[str, tuple[list[LineEvent], list[bytes]]]


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    async def scene(srtp: str, account: str) -> tuple[list[LineEvent], list[bytes]]:
        modules = ("g711", "srtp") if account else ("g711",)
        async with baresip(echoes=True, modules=modules, account=account) as phone:
            return await echo_call(Trunk("127.0.0.1", phone.port, srtp=srtp), "sip:alice@127.0.0.1")

    async def all_of_them() -> list[tuple[list[LineEvent], list[bytes]]]:
        return await asyncio.gather(*(scene(*how) for how in SCENES.values()))

    return dict(zip(SCENES, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", ["both wish", "we require", "it demands", "it has none, we wish"])
def test_a_tone_goes_there_and_comes_back(outcomes: Outcomes, name: str) -> None:
    events, frames = outcomes[name]
    end = events[-1]
    assert isinstance(end, HungUp)
    assert max(map(share_of, frames)) > 0.9
    assert end.rtp.received > 0


@pytest.mark.parametrize("name", ["it has none, we require", "it demands, ours is off"])
def test_what_cannot_be_agreed_on_is_refused_as_488(outcomes: Outcomes, name: str) -> None:
    (end,) = [event for event in outcomes[name][0] if isinstance(event, Failed)]
    assert (end.disposition, end.sip_status) == (Disposition.REFUSED, 488)
    assert end.reason
