"""Where the torture messages of RFC 4475 are: `CLARION_SIP_TORTURE` names the folder of the `.dat` files."""

from __future__ import annotations

import os
from pathlib import Path

_NEIGHBOUR = Path(__file__).resolve().parents[3] / "shared" / "suites" / "rfc4475"
SUITE = Path(os.environ.get("CLARION_SIP_TORTURE", _NEIGHBOUR))


def torture_messages() -> list[Path]:
    """None where the suite is absent."""
    return sorted(SUITE.glob("*.dat"))
