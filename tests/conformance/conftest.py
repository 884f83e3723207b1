"""Where the W3C material lies: beside the checkout, and only on machines that have it."""

from __future__ import annotations

from pathlib import Path

import pytest

SUITES = Path(__file__).resolve().parents[3] / "shared" / "suites"


@pytest.fixture
def suites() -> Path:
    if not SUITES.is_dir():
        pytest.skip(f"no conformance material at {SUITES}")
    return SUITES
