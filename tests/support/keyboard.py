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
_NAME = """it.ariaLabel
        || (it.labels && it.labels[0] && it.labels[0].innerText.trim()) || (it.innerText || '').trim()"""
FOCUSED = f"() => {{ const it = document.activeElement; return {_NAME}; }}"
#: Of the list so named: what is chosen in it, and whether something comes anew after a choice.
_CHOSEN = f"""
    name => [...document.querySelectorAll('select')].filter(it => ({_NAME}).startsWith(name)).map(
        it => [it.selectedOptions[0].label, it.hasAttribute('hx-trigger')])[0]
"""
_QUIET = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"
_SLEEP = "milliseconds => new Promise(done => setTimeout(done, milliseconds))"
#: Milliseconds in which a list forgets the beginning that was typed, and after which a choice is sent.
_FORGOTTEN, _SENT = 1200, 500
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


def choose(page: Page, name: str, option: str) -> None:
    """Choose by typing the option's beginning in the list so named; what comes anew after it is there.

    Typed again where the machine stood still in the middle: a list takes what comes a second later for another word.
    """
    for _ in range(5):
        tab_to(page, name)
        page.keyboard.type(option)
        chosen, brings_news = page.evaluate(_CHOSEN, name)
        if brings_news:
            page.evaluate(_SLEEP, _SENT)
            page.wait_for_function(_QUIET)
            chosen, _ = page.evaluate(_CHOSEN, name)
        if chosen.casefold().startswith(option.casefold()):
            return
        page.evaluate(_SLEEP, _FORGOTTEN)
    pytest.fail(f"{name!r} became {chosen!r}, not {option!r}")
