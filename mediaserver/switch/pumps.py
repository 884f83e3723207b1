"""Which pump a media server runs."""

from __future__ import annotations

import structlog

from common.setting_types import PumpKind
from mediaserver.switch.fastpath import library
from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.media import MediaPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.pump import Pump

log = structlog.get_logger()


def make_pump(kind: PumpKind, host: str, ports: PortAllocator) -> MediaPump:
    """Raise FastPathMissing where the fast path is asked for and not built."""
    if kind is PumpKind.PYTHON:
        return Pump(host, ports)
    if kind is PumpKind.FAST or library.available():
        return FastPump(host, ports)
    log.info("python_pump", mend="script/setup builds the fast path where there is a C compiler")
    return Pump(host, ports)
