"""SIPp that loses a tenth of what it hears and says: every call is answered, and every channel comes back."""

from __future__ import annotations

import asyncio

import pytest

from common.control import Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed, InviteSpec
from mediaserver.switch.sip.sdp import make_offer
from tests.support.sip_near import NOTHING, near
from tests.support.sipp import Sipp

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
CALLS = 30


def test_a_tenth_of_the_packets_lost_costs_no_call() -> None:
    async def scene() -> None:
        far = await Sipp.start("answer_after_180", calls=CALLS, options=("-lost", "10"), patience=60)
        try:
            # SIPp's own T1 is half a second; 64*T1 of ours must leave it room for its 200.
            async with near(t1=0.2, t2=1.6, t4=2.0) as end:
                trunk = Trunk("127.0.0.1", far.port)
                for number in range(CALLS):
                    offer = make_offer("127.0.0.1", 40_000 + 2 * number)
                    spec = InviteSpec(f"call-{number}", "+12125550100", "+12125550199", "", trunk, offer, 12.0)
                    end.endpoint.invite(spec)
                await end.until(lambda: len(end.of(Established)) + len(end.of(Failed)) == CALLS, 40.0)
                assert end.of(Failed) == []
                for number in range(CALLS):
                    end.endpoint.hang_up(f"call-{number}")
                await end.until(lambda: len(end.of(Ended)) == CALLS, 40.0)
                assert await end.settled(20.0) == NOTHING
        finally:
            await far.stop()

    asyncio.run(scene())
