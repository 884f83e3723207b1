"""What docs/reference/lines.md says of each line's capabilities is what the line declares."""

from __future__ import annotations

import re

from mediaserver.lines.asterisk import AsteriskLine
from mediaserver.lines.asterisk_access import AriAccess
from mediaserver.lines.base import Capability
from mediaserver.lines.native import NativeLine
from mediaserver.lines.pyvoip import CAPACITY, PyVoipLine
from mediaserver.switch.sip.endpoint import SipConfig
from tests.support.sources import ROOT

PAGE = (ROOT / "docs/reference/lines.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (yes|no) \| (yes|no) \| (yes|no) \|", re.MULTILINE)


def test_the_table_of_capabilities_is_true() -> None:
    # Conversations depend on whether the RTP loop in C is built here, on both lines that have them.
    lines = (
        NativeLine(SipConfig("127.0.0.1", 0), None, "127.0.0.1").capabilities | {Capability.CONVERSATION},
        PyVoipLine.capabilities,
        AsteriskLine(AriAccess(), "127.0.0.1").capabilities | {Capability.CONVERSATION},
    )
    declared = {name.value: ["yes" if name in line else "no" for line in lines] for name in Capability}
    assert {name: told for name, *told in ROW.findall(PAGE)} == declared


def test_the_capacity_of_the_pyvoip_line_is_told() -> None:
    assert f"hence {CAPACITY} calls at a time" in PAGE
