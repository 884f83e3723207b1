"""docs/reference/sip.md names every SIPp scenario there is, and none besides."""

from __future__ import annotations

import re

from tests.support.sources import ROOT

ROW = re.compile(r"^\|(?:[^|]*\|){2}([^|]*)\|", re.MULTILINE)


def test_every_scenario_is_in_the_table() -> None:
    page = (ROOT / "docs/reference/sip.md").read_text("utf-8")
    named = {name for cell in ROW.findall(page) for name in re.findall(r"`(\w+)`", cell)}
    assert named == {file.stem for file in (ROOT / "tests/integration/sip/scenarios").glob("*.xml")}
