from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from common.settings import Settings

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/settings.md"


def variables() -> set[str]:
    return {f"CLARION_{field.name.upper()}" for field in dataclasses.fields(Settings)}


def test_each_setting_is_documented() -> None:
    missing = variables() - set(re.findall(r"CLARION_[A-Z0-9_]+", REFERENCE.read_text(encoding="utf-8")))
    assert not missing, f"{REFERENCE.name} says nothing of {', '.join(sorted(missing))}"


def test_each_documented_setting_exists() -> None:
    described = set(re.findall(r"^\|\s*`(CLARION_[A-Z0-9_]+)`", REFERENCE.read_text(encoding="utf-8"), flags=re.M))
    assert described, "the settings reference lists one `CLARION_…` a table row"
    assert not described - variables(), "no such setting"
