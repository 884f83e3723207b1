"""A list split and shared in a real browser: by the keyboard alone, and without a fault for axe-core."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import make_engine, write_transaction
from app.security.access import Actor
from app.services import contact_push, lists
from tests.support.keyboard import choose, faults, fill, press, tab_to

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported


@pytest.fixture
def here(site: Site, request: pytest.FixtureRequest) -> str:
    """The page of a list of this test's own, with four people called Bo and four called Al."""
    engine = make_engine(site.database_url)
    with write_transaction(engine) as session:
        made = lists.create_list(session, Actor.system(), f"Of {request.node.name}"[:100])
        people = [{"id": f"P{n}", "first_name": "Bo" if n % 2 else "Al", "phone1": f"+1212555010{n}"} for n in range(8)]
        contact_push.push(session, Actor.system(), made.id, people)
        page = f"{site.url}/lists/{made.id}"
    engine.dispose()
    return page


def number_of(page: str) -> str:
    return page.rpartition("/")[2]


def replace(page: Page, name: str, text: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def test_a_list_is_split_by_conditions_and_merged_back_by_the_keyboard_alone(admin: Page, here: str) -> None:
    admin.goto(f"{here}/split")
    assert faults(admin) == []
    press(admin, "Count them and go on")
    expect(admin.get_by_role("alert").first).to_be_visible()
    assert faults(admin) == []
    fill(admin, "1. New list", f"Bos {number_of(here)}")
    choose(admin, "Field of condition 1.1", "First name")
    choose(admin, "Comparison of condition 1.1", "begins")
    fill(admin, "Value of condition 1.1", "Bo")
    fill(admin, "Who is left", f"Others {number_of(here)}")
    press(admin, "Count them and go on")
    expect(admin.get_by_role("cell", name="First name begins with Bo")).to_be_visible()
    assert faults(admin) == []
    press(admin, "Move 8 contacts")
    expect(admin.get_by_text("Completed")).to_be_visible()
    assert faults(admin) == []
    press(admin, "Undo")
    expect(admin.get_by_text("Completed")).to_be_visible()
    admin.goto(here)
    expect(admin.get_by_role("link", name="Bo").first).to_be_visible()
    assert faults(admin) == []


def test_a_list_is_split_by_chance_and_says_at_the_field_what_is_wrong(admin: Page, here: str) -> None:
    admin.goto(f"{here}/split")
    press(admin, "By chance, into shares")
    assert faults(admin) == []
    replace(admin, "Parts", "70, 60")
    press(admin, "Count them and go on")
    expect(admin.get_by_text("together they are 100 at most")).to_be_visible()
    assert faults(admin) == []
    replace(admin, "Parts", "50, 25")
    replace(admin, "Names begin with", f"Share {number_of(here)}")
    tab_to(admin, "are moved")
    admin.keyboard.press("ArrowDown")
    press(admin, "Count them and go on")
    expect(admin.get_by_text("all, beside the copies")).to_be_visible()
    assert faults(admin) == []
    press(admin, "Copy 6 contacts")
    expect(admin.get_by_text("Completed")).to_be_visible()


def test_a_list_is_shared_and_not_any_more_by_the_keyboard_alone(admin: Page, here: str) -> None:
    admin.goto(f"{here}/sharing")
    expect(admin.get_by_text("Shared with nobody")).to_be_visible()
    assert faults(admin) == []
    fill(admin, "Organization", "None such")
    press(admin, "Share")
    expect(admin.get_by_text("There is none named 'None such'")).to_be_visible()
    assert faults(admin) == []
    for name in ("With every organization", "May change contacts"):
        tab_to(admin, name)
        admin.keyboard.press("Space")
    press(admin, "Share")
    expect(admin.get_by_role("cell", name="use it, and change its contacts")).to_be_visible()
    assert faults(admin) == []
    tab_to(admin, "Stop sharing with every organization")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog")).to_be_visible()
    assert faults(admin) == []
    with admin.expect_navigation():
        tab_to(admin, "Stop sharing")
        admin.keyboard.press("Enter")
    expect(admin.get_by_text("Shared with nobody")).to_be_visible()
