"""Both pumps, each with the same far end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.media import MediaPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump
from tests.support.rtp_far import FarEnd


@pytest_asyncio.fixture(params=["python", "fast"])
async def pump(request: pytest.FixtureRequest) -> AsyncIterator[MediaPump]:
    kind = Pump if request.param == "python" else FastPump
    made = kind("127.0.0.1", PortAllocator(None))
    made.start(asyncio.get_running_loop())
    yield made
    made.close()
    assert (made.streams, made.open_sockets) == (0, 0)


@pytest_asyncio.fixture
async def far(pump: MediaPump) -> AsyncIterator[FarEnd]:
    made = FarEnd(pump)
    yield made
    made.sock.close()


@pytest_asyncio.fixture
async def fast() -> AsyncIterator[FastPump]:
    made = FastPump("127.0.0.1", PortAllocator(None))
    made.start(asyncio.get_running_loop())
    yield made
    made.close()
