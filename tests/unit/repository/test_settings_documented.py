from __future__ import annotations

import re
from pathlib import Path

from common.settings import all_settings

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/settings.md"


def test_each_setting_is_documented() -> None:
    documented = set(re.findall(r"CLARION_[A-Z0-9_]+", REFERENCE.read_text(encoding="utf-8")))
    missing = {setting.variable for setting in all_settings()} - documented
    assert not missing, f"{REFERENCE.name} says nothing of {', '.join(sorted(missing))}"


def test_each_setting_named_in_the_documents_exists() -> None:
    known = {setting.variable for setting in all_settings()}
    known |= {f"{setting.variable}_FILE" for setting in all_settings() if setting.secret}
    root = REFERENCE.parents[2]
    unknown = [
        f"{path.relative_to(root)}: {name}"
        for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
        for name in re.findall(r"`(CLARION_[A-Z0-9_]*[A-Z0-9])[=`]", path.read_text(encoding="utf-8"))
        if name not in known and not name.startswith("CLARION_TEST_")
    ]
    assert not unknown, "\n".join(unknown)
