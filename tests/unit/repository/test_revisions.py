"""Alembic revisions stand in one row, each number once: two that landed together would leave two heads."""

from __future__ import annotations

import re

from tests.support.sources import ROOT, text_of

_NAMES = re.compile(r'^(revision|down_revision)(?:: [^=]+)? = "?([^"\n]+)"?$', re.MULTILINE)


def test_each_revision_follows_the_one_before() -> None:
    found = [dict(_NAMES.findall(text_of(path))) for path in sorted((ROOT / "migrations" / "versions").glob("*.py"))]

    assert [each["revision"] for each in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    assert [each["down_revision"] for each in found] == ["None", *(each["revision"] for each in found[:-1])]
