"""How a further gateway of a trunk is written: `HOST[:PORT][;weight=N][;priority=N]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_GATEWAY = re.compile(
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:;weight=(?P<weight>[0-9]{1,5}))?(?:;priority=(?P<priority>[0-9]{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Port 0 has DNS find the servers; among those of the lowest priority the weight is the share of calls."""

    host: str
    port: int = 0
    weight: int = 1
    priority: int = 0

    @classmethod
    def parse(cls, text: str) -> Gateway:
        """Raise ValueError saying how it is written."""
        match = _GATEWAY.fullmatch(text)
        if match is not None:
            port, weight, priority = (int(match[name] or default) for name, default in _DEFAULTS)
            if max(port, weight, priority) <= 65_535:
                return cls(match["host"].lower(), port, weight, priority)
        raise ValueError(f"{text!r} is no gateway: write HOST:PORT;weight=1;priority=0")


_DEFAULTS = (("port", 0), ("weight", 1), ("priority", 0))
