"""A call in G.722 to baresip, whose codec is not ours: a tone goes there and comes back."""

from __future__ import annotations

import asyncio

import pytest

from common.control import Trunk
from mediaserver.lines.base import HungUp
from tests.support.baresip import baresip
from tests.support.echo_call import echo_call, share_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


def test_a_tone_goes_there_and_comes_back_in_g722_alone() -> None:
    async def scene() -> None:
        async with baresip(echoes=True, modules=("g722",), rate=16_000) as phone:
            events, frames = await echo_call(Trunk("127.0.0.1", phone.port, g722=True), "sip:alice@127.0.0.1")
        end = events[-1]
        assert isinstance(end, HungUp)
        assert end.rtp.received > 0
        assert max(map(share_of, frames)) > 0.9

    asyncio.run(scene())
