"""Clarion calls a telephone made of the pyVoIP library."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import pytest

from common.control import Disposition
from mediaserver.switch.sip.events import Ended, Established, Failed
from tests.support.pyvoip_phone import pyvoip_phone
from tests.support.sip_near import NOTHING, Near, near

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(150),
    # The library's sender may meet its closed socket once when a call ends.
    pytest.mark.filterwarnings("ignore:RTP Packet failed to send:RuntimeWarning"),
]


def answer(call: Any) -> None:
    call.answer()


def answer_and_hang_up(call: Any) -> None:
    call.answer()
    time.sleep(0.2)
    call.hangup()


def decline(call: Any) -> None:
    # The 486 has left when the library stumbles over the media it never started.
    with contextlib.suppress(AttributeError):
        call.deny()


def play(on_call: Any, *, hang_up: bool) -> Near:
    async def run() -> Near:
        async with near() as end:
            with pyvoip_phone(end.endpoint.address, on_call) as (_, port):
                end.call(port, to=f"sip:alice@127.0.0.1:{port}")
                if hang_up:
                    await end.wait(Established)
                    end.endpoint.hang_up("call")
                await end.wait(Ended, Failed)
            assert await end.settled() == NOTHING
            return end

    return asyncio.run(run())


def test_an_answered_call_is_hung_up_by_us() -> None:
    end = play(answer, hang_up=True)
    assert end.of(Established)[0].media.telephone_event == 101
    assert end.end == Ended("call", by_far_end=False)


def test_an_answered_call_is_hung_up_by_the_telephone() -> None:
    assert play(answer_and_hang_up, hang_up=False).end == Ended("call", by_far_end=True)


def test_a_declined_call_is_reported_as_busy() -> None:
    failed = play(decline, hang_up=False).end
    assert isinstance(failed, Failed)
    assert (failed.disposition, failed.sip_status) == (Disposition.REFUSED, 486)
