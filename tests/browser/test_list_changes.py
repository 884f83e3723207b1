"""Contacts deleted by conditions in a real browser: by the keyboard alone, and without a fault for axe-core."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.keyboard import choose, faults, fill, press, tab_to

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported


def test_contacts_are_deleted_by_conditions_and_put_back_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    here = f"{site.url}/lists/{site.world.list_id}"
    admin.goto(f"{here}/deletion")
    assert faults(admin) == []
    choose(admin, "Field of condition 1.1", "First name")
    choose(admin, "Comparison of condition 1.1", "begins")
    fill(admin, "Value of condition 1.1", "Ann12")
    tab_to(admin, "Look")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("1 of 12 contacts")).to_be_visible()
    press(admin, "Count them and go on")
    expect(admin.get_by_text("First name begins with Ann12")).to_be_visible()
    assert faults(admin) == []
    press(admin, "Delete 1 contacts")
    expect(admin.get_by_text("Completed")).to_be_visible()
    expect(admin.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    assert faults(admin) == []
    press(admin, "Undo")
    expect(admin.get_by_role("heading", name="Undoing a deletion")).to_be_visible()
    expect(admin.get_by_text("Completed")).to_be_visible()
    admin.goto(f"{here}?search=Ann12")
    expect(admin.get_by_role("link", name="Ann12 Example")).to_be_visible()
    assert faults(admin) == []
