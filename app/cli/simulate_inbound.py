"""What became of inbound callers in a virtual call centre, half hour by half hour."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pacing.simulation.result import Result

_INDENT = "    "


def figures(result: Result) -> dict[str, Any]:
    """`inbound_half_hours`: rows of the hour, its callers, and the share answered in time."""
    waits = sorted(result.inbound_waits)
    halves = sorted(result.callers.half_hours.items())
    return {
        "inbound_talk_minutes_an_hour": 60 * result.inbound_talk / result.logged_in if result.logged_in else 0.0,
        "inbound_wait_p95": waits[int(0.95 * (len(waits) - 1))] if waits else 0.0,
        "inbound_lost": result.inbound_lost,
        "inbound_in_time": result.callers.share,
        "inbound_half_hours": [[half / 2, calls, good / calls] for half, (calls, good) in halves],
        "agents_acquired": result.acquired,
        "agents_released": result.released,
        "lent_agent_hours": result.lent / 3_600,
    }


def tell(result: Result) -> None:
    """Lines below those of a mode, where there were callers."""
    found = figures(result)
    if not found["inbound_half_hours"]:
        return
    callers = sum(calls for _, calls, _ in found["inbound_half_hours"])
    line = (
        f"{callers:,} callers, {found['inbound_in_time']:.1%} answered in time, {result.inbound_lost} gave up, "
        f"{found['inbound_talk_minutes_an_hour']:.1f} min/h of the talk"
    )
    if result.acquired:
        line += f"; agents acquired {result.acquired}, released {result.released}, {found['lent_agent_hours']:.1f} h"
    shares = " ".join(f"{hour:g}h {share:.0%}" for hour, _, share in found["inbound_half_hours"])
    for text in (line, f"by half hour: {shares}"):
        print(textwrap.fill(text, 110, initial_indent=_INDENT, subsequent_indent=_INDENT * 2))
