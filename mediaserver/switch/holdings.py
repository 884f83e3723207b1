"""What lines hold for their calls: it comes back to nothing when the calls are over (SIP's timers want 64*T1 more)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict

from mediaserver.lines.asterisk import AsteriskLine
from mediaserver.lines.base import Line
from mediaserver.lines.native import NativeLine


def holdings(lines: Iterable[Line]) -> Counter[str]:
    """SIP's calls, dialogs, transactions, timers and tasks, RTP's streams and sockets, calls and requests at Asterisk.

    What the pyvoip line holds is the library's.
    """
    held: Counter[str] = Counter()
    for line in lines:
        if isinstance(line, NativeLine):
            held.update({f"sip_{name}": count for name, count in asdict(line.endpoint.stats()).items()})
            held.update(rtp_streams=line.pump.streams, rtp_sockets=line.pump.open_sockets)
        elif isinstance(line, AsteriskLine):
            held.update(line.held())
    return held
