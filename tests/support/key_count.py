"""Keys pressed in real calls over the native line, and what was recognised of each style."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass

from common.control import Trunk
from common.setting_types import PumpKind
from mediaserver.lines.base import Failed, HungUp, Key, LineEvent, Place
from mediaserver.lines.native import NativeLine
from mediaserver.switch.sip.endpoint import SipConfig
from tests.support.key_far import KeyFar
from tests.support.key_styles import KEYS, STYLES


@dataclass(frozen=True, slots=True)
class Counted:
    style: str
    pressed: int
    #: In their order, once each; and what nobody pressed.
    recognised: int
    extra: int


async def count_keys(numbers: dict[str, int], pump: PumpKind, speed: float = 1.0) -> list[Counted]:
    """One call for each style, all at once, with so many keys in each."""
    plans = [(name, (KEYS * (-(-count // len(KEYS))))[:count]) for name, count in numbers.items()]
    heard: dict[str, str] = {f"k{number}": "" for number in range(len(plans))}
    over: set[str] = set()
    done = asyncio.Event()

    def hear(event: LineEvent) -> None:
        if isinstance(event, Key):
            heard[event.call] += event.key
        elif isinstance(event, HungUp | Failed):
            over.add(event.call)
            if len(over) == len(plans):
                done.set()

    far = KeyFar(plans, speed)
    await far.start()
    line = NativeLine(SipConfig("127.0.0.1", 0), None, "127.0.0.1", pump=pump)
    await line.start(hear)
    try:
        for number, (name, _) in enumerate(plans):
            trunk = Trunk("127.0.0.1", far.port, keys=STYLES[name].setting)
            line.place(Place(f"k{number}", f"sip:k{number}@127.0.0.1:{far.port}", "+15550100000", "", trunk, 10.0))
        await done.wait()
    finally:
        await line.close()
        await far.close()
    return [_count(name, keys, heard[f"k{number}"]) for number, (name, keys) in enumerate(plans)]


def _count(name: str, pressed: str, heard: str) -> Counted:
    blocks = difflib.SequenceMatcher(None, pressed, heard, autojunk=False).get_matching_blocks()
    recognised = sum(block.size for block in blocks)
    return Counted(name, len(pressed), recognised, len(heard) - recognised)
