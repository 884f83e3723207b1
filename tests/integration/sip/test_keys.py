"""Each key once, however it is sent: the short form of benchmarks/keys.py, over both RTP loops."""

from __future__ import annotations

import asyncio

import pytest

from common.setting_types import PumpKind
from tests.support.key_count import count_keys
from tests.support.key_styles import STYLES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]


@pytest.mark.parametrize("pump", [PumpKind.FAST, PumpKind.PYTHON])
def test_each_key_counts_once_whatever_the_style(pump: PumpKind) -> None:
    # Four times as fast as a telephone: keys are told by timestamps and samples, not by the wall.
    numbers = {name: 1 if name == "event of 2 s" else 8 for name in STYLES}
    counted = asyncio.run(count_keys(numbers, pump, speed=4.0))

    assert [(one.style, one.recognised, one.extra) for one in counted] == [(*item, 0) for item in numbers.items()]
