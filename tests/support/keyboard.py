"""A panel used without a mouse, and looked at by axe-core."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = (Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js").read_text()
FOUND = """
    () => axe.run(document, {resultTypes: ['violations']}).then(
        found => found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 160)}`)))
"""
FOCUSED = """
    () => { const it = document.activeElement; return it.ariaLabel
        || (it.labels && it.labels[0] && it.labels[0].innerText.trim()) || (it.innerText || '').trim(); }
"""
_FARTHEST = 120


def faults(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: list[str] = page.evaluate(FOUND)
    return found


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is so named has the focus, as somebody without a mouse does."""
    for _ in range(_FARTHEST):
        page.keyboard.press("Tab")
        if str(page.evaluate(FOCUSED)).startswith(name):
            return
    pytest.fail(f"no Tab leads to {name!r}")


def fill(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.type(text)


def press(page: Page, name: str) -> None:
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")
