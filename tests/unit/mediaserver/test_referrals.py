"""An agent's phone transfers its customer (REFER), on the switchboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from common.control import CallRequest, Disposition, RtpStats, Trunk
from common.conversation import Part, Wish
from mediaserver import wire
from mediaserver.lines import base
from tests.support.switchboard import Bench

pytestmark = pytest.mark.asyncio
TRUNK = Trunk("127.0.0.1", line="native", transfers=("+1212",))


class Floor(Bench):
    """A customer `a1` whose script waits for an agent, with whom the leg `leg1` talks."""

    async def bridge(self) -> None:
        leg = CallRequest("leg1", "201", "", Trunk("127.0.0.1"), part=Part.AGENT, max_duration=86_400)
        await self.board.place(leg)
        self.line.say(base.Answered("leg1"))
        await self.board.place(CallRequest("a1", "+15550101234", "+15550100", TRUNK, "http://x/"))
        self.line.say(base.Answered("a1"))
        self.dialog(wire.Transfer("a1", 7, "bridge", "agent:sales", 0.0, 0.0))
        self.put()

    def put(self) -> None:
        customer, leg = self.board.roster.find("a1"), self.board.roster.find("leg1")
        assert customer is not None
        assert leg is not None
        self.board.bridges.put(customer, leg, Wish())

    async def refer(self, target: str = "tel:+12125550123", leg: str = "leg1") -> str:
        """The call to the target, "" for none."""
        before = set(self.calls)
        self.line.say(base.TransferAsked(leg, target, "sip:201@127.0.0.1"))
        await self.board._tasks.ended()
        return next(iter(set(self.calls) - before), "")

    @property
    def calls(self) -> list[str]:
        return [call.id for call in self.board.roster.under_way()]

    @property
    def told(self) -> list[int]:
        """What the phone was told."""
        return [one[2] for one in self.line.asked if one[0] == "tell_transfer"]

    @property
    def talking(self) -> set[str]:
        return set(self.line.conversations[-1].inside)


@pytest_asyncio.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    floor = Floor(tmp_path, max_calls=4)
    await floor.board.start()
    await floor.board._tasks.ended()
    await floor.bridge()
    yield floor
    await floor.board.close()


async def test_the_target_joins_the_customer_and_the_agent_is_free(floor: Floor) -> None:
    target = await floor.refer()
    call = floor.board.roster.find(target)
    assert call is not None
    assert (call.request.to, call.request.sender, call.request.trunk) == ("+12125550123", "+15550100", TRUNK)
    assert (call.request.part, call.request.referred_by) == (Part.OTHER, "sip:201@127.0.0.1")
    assert (floor.told, floor.talking) == ([202], {"a1"})
    floor.line.say(base.Ringing(target, 180))
    floor.line.say(base.Answered(target))
    assert floor.told == [202, 180, 200]
    assert floor.talking == {"a1", target}
    # The leg stays: its phone may hang up, or wait for the next customer.
    assert "leg1" in floor.calls


async def test_a_target_that_does_not_come_leaves_the_customer_with_the_agent(floor: Floor) -> None:
    target = await floor.refer()
    floor.line.say(base.Failed(target, Disposition.REFUSED, 486, "Busy Here", provisional=True))
    assert floor.told == [202, 486]
    assert floor.talking == {"a1", "leg1"}


async def test_a_phone_that_hangs_up_after_asking_leaves_the_customer_to_the_target(floor: Floor) -> None:
    target = await floor.refer()
    floor.line.say(base.HungUp("leg1", by_far_end=True, rtp=RtpStats()))
    floor.line.say(base.Answered(target))
    assert floor.talking == {"a1", target}


async def test_with_its_phone_gone_a_target_that_does_not_come_gives_the_customer_to_the_script(floor: Floor) -> None:
    target = await floor.refer()
    floor.line.say(base.HungUp("leg1", by_far_end=True, rtp=RtpStats()))
    floor.line.say(base.Failed(target, Disposition.REFUSED, 486, "Busy Here", provisional=True))
    outcomes = [told.outcome for told in floor.pool.worker.told if isinstance(told, wire.Transferred)]
    assert outcomes == ["busy"]


async def test_a_customer_that_hangs_up_lets_the_target_go(floor: Floor) -> None:
    target = await floor.refer()
    floor.line.say(base.HungUp("a1", by_far_end=True, rtp=RtpStats()))
    assert ("hang_up", target) in floor.line.asked
    floor.line.say(base.Failed(target, Disposition.CANCELLED, 487, "", provisional=True))
    assert floor.told == [202, 487]


@pytest.mark.parametrize(
    ("target", "status"), [("tel:+4420555017", 403), ("sip:x@192.0.2.9", 403), ("mailto:a@b", 404), ("tel:12x", 404)]
)
async def test_only_where_scripts_may_transfer_to_is_called(floor: Floor, target: str, status: int) -> None:
    assert await floor.refer(target) == ""
    assert floor.told == [status]
    assert floor.talking == {"a1", "leg1"}


async def test_whoever_talks_with_no_customer_or_is_no_agent_is_refused(floor: Floor) -> None:
    assert await floor.refer(leg="a1") == ""
    floor.board.bridges.let_go("a1", "leg1")
    assert await floor.refer() == ""
    assert floor.told == [403, 403]


async def test_without_room_the_agent_keeps_the_customer(floor: Floor) -> None:
    floor.board.admission.draining = True
    assert await floor.refer() == ""
    assert (floor.told, floor.talking) == ([503], {"a1", "leg1"})


async def test_a_target_that_cannot_be_placed_by_a_defect_is_refused_to_the_phone_that_waits(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_call: CallRequest) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(floor.board.referrals, "_place", broken)
    assert await floor.refer() == ""
    assert (floor.told, floor.talking) == ([503], {"a1", "leg1"})
