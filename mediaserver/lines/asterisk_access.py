"""Where an Asterisk is and who we are there; apart from the line, which loads an HTTP client."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AriAccess:
    """`app` names this media server; two at one Asterisk need different ones."""

    url: str = "http://127.0.0.1:8088/ari"
    user: str = "clarion"
    password: str = field(default="", repr=False)
    app: str = "clarion"
