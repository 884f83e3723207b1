"""A call over the native line to a telephone that says what it hears: whether a tone comes back."""

from __future__ import annotations

import asyncio
import math

from common.control import Trunk
from common.setting_types import PumpKind
from mediaserver.lines.base import Answered, Failed, Heard, HungUp, LineEvent, Place
from mediaserver.lines.native import NativeLine
from mediaserver.switch.rtp.transcode import linear_to_ulaw, ulaw_to_linear
from mediaserver.switch.sip.endpoint import SipConfig

HERTZ = 1000


def tone(seconds: float, hertz: int = HERTZ) -> bytes:
    step = 2 * math.pi * hertz / 8000
    return bytes(linear_to_ulaw(round(2000 * math.sin(step * n))) for n in range(round(seconds * 8000)))


def share_of(audio: bytes, hertz: int = HERTZ) -> float:
    """How much of the energy is that tone, 0 to 1."""
    samples = [ulaw_to_linear(byte) for byte in audio]
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return 0.0
    parts = [sum(s * f(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples)) for f in (math.cos, math.sin)]
    return 2 * (parts[0] ** 2 + parts[1] ** 2) / len(samples) / energy


async def echo_call(trunk: Trunk, to: str) -> tuple[list[LineEvent], list[bytes]]:
    """What the line told, and the frames heard while the tone played. It hangs up when the tone is back, or in 10 s."""
    events: list[LineEvent] = []
    frames: list[bytes] = []
    answered, enough, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def hear(event: LineEvent) -> None:
        match event:
            case Heard(_, audio):
                frames.append(audio)
                if share_of(audio) > 0.9:
                    enough.set()
            case Answered():
                answered.set()
            case Failed() | HungUp():
                over.set()
        if not isinstance(event, Heard):
            events.append(event)

    line = NativeLine(SipConfig("127.0.0.1", 0), None, "127.0.0.1", pump=PumpKind.FAST)
    await line.start(hear)
    try:
        line.place(Place("c", to, "+15550100000", "", trunk, 10.0))
        either = [asyncio.create_task(event.wait()) for event in (answered, over)]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        for task in either:
            task.cancel()
        if answered.is_set():
            line.listen("c", True)
            line.play("c", 1, (tone(10.0),), False)
            try:
                await asyncio.wait_for(enough.wait(), 10)
                await asyncio.sleep(0.2)
            finally:
                line.hang_up("c")
        await asyncio.wait_for(over.wait(), 10)
    finally:
        await line.close()
    return events, frames
