"""What lines hold for their calls: it comes back to nothing when the calls are over (SIP's timers want 64*T1 more)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from mediaserver.lines.base import Line
from mediaserver.lines.native import NativeLine


def holdings(lines: Iterable[Line]) -> Counter[str]:
    """Calls, dialogs, transactions, timers and tasks of SIP, streams and sockets of RTP; of the native line alone."""
    held: Counter[str] = Counter()
    for line in lines:
        if isinstance(line, NativeLine):
            held.update({f"sip_{name}": count for name, count in asdict(line.endpoint.stats()).items()})
            held.update(rtp_streams=line.pump.streams, rtp_sockets=line.pump.open_sockets)
    return held
