"""Calls whose way to a server meets what nobody foresaw."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from common.control import Disposition, Trunk
from common.errors import Refused
from mediaserver.switch.sip.events import Failed, InviteSpec
from mediaserver.switch.sip.placer import Placer
from mediaserver.switch.sip.transaction import Address

UNUSED: Any = None
NARROW = Trunk("192.0.2.7", max_channels=1)


def spec(call: str, trunk: Trunk) -> InviteSpec:
    return InviteSpec(call, "+12", "+13", "", trunk, b"", 30.0)


@pytest.mark.parametrize(
    ("error", "disposition"),
    [(KeyError("a defect"), Disposition.LOST), (Refused("to: no"), Disposition.NOT_ADMITTED)],
)
def test_a_call_whose_invite_cannot_be_made_is_over_and_its_place_on_the_trunk_is_free(
    error: Exception, disposition: Disposition
) -> None:
    invited: list[str] = []
    told: list[Any] = []

    def invite(wanted: InviteSpec, *_: object) -> None:
        invited.append(wanted.call)
        if wanted.call == "one":
            raise error

    async def scenario() -> None:
        agent: Any = SimpleNamespace(invite=invite, token=lambda: "t")
        placer = Placer(agent, UNUSED, UNUSED, told.append, lambda: None)
        placer.place(spec("one", NARROW))
        placer.place(spec("two", NARROW))
        assert invited == ["one", "two"]
        assert [(type(event), event.call, event.disposition) for event in told] == [(Failed, "one", disposition)]
        assert placer.calls() == ("two",)
        placer.close()

    asyncio.run(scenario())


def test_a_call_that_met_a_defect_after_its_search_goes_to_no_further_trunk() -> None:
    invited: list[str] = []
    told: list[Any] = []

    def invite(wanted: InviteSpec, *_: object) -> None:
        invited.append(wanted.trunk.host)
        raise KeyError("a defect")

    async def addresses(_trunk: Trunk) -> list[Any]:
        return [Address("192.0.2.7", 5060, "tcp")]

    async def opened(_address: Any) -> None:
        """It is open."""

    async def scenario() -> None:
        agent: Any = SimpleNamespace(invite=invite, token=lambda: "t")
        resolver: Any = SimpleNamespace(addresses=addresses)
        transports: Any = SimpleNamespace(open=opened)
        placer = Placer(agent, transports, resolver, told.append, lambda: None)
        wanted = spec("one", Trunk("trunk.example", transport="tcp"))
        placer.place(wanted)
        await placer._searches.ended()
        await asyncio.sleep(0)
        assert invited == ["trunk.example"]
        assert [(type(event), event.disposition) for event in told] == [(Failed, Disposition.LOST)]
        assert placer.calls() == ()
        placer.close()

    asyncio.run(scenario())
