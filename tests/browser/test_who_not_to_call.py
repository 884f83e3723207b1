"""Do not call, consent and calendars in a real browser: by the keyboard alone, and without a fault for axe-core."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.keyboard import faults, fill, press, tab_to

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported


def test_somebody_is_listed_and_found_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/dnc/")
    fill(admin, "Number, address or ID", "+12025550177")
    fill(admin, "Why", "asked at the counter")
    press(admin, "Do not call")
    expect(admin.get_by_text("It holds from this moment.")).to_be_visible()
    fill(admin, "Search by the beginning", "+1202555017")
    with admin.expect_navigation():
        admin.keyboard.press("Enter")
    expect(admin.get_by_role("row").filter(has_text="+12025550177")).to_have_count(1)


def test_consent_is_entered_and_taken_back_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/contacts/{site.world.contact_id}")
    press(admin, "Consent")
    fill(admin, "Purpose", "marketing")
    fill(admin, "By what", "paper")
    press(admin, "Enter")
    row = admin.get_by_role("row").filter(has_text="marketing")
    expect(row.filter(has_text="Given")).to_have_count(1)
    tab_to(admin, "What")
    admin.keyboard.press("ArrowDown")
    fill(admin, "Purpose", "marketing")
    fill(admin, "By what", "call")
    press(admin, "Enter")
    expect(row.filter(has_text="Taken back")).to_have_count(1)
    expect(row).to_have_count(2)


def test_a_holiday_is_added_and_removed_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/calendars/")
    tab_to(admin, "Date")
    admin.keyboard.type("12242099")
    fill(admin, "Name", "Winter rest")
    press(admin, "Add the holiday")
    expect(admin.get_by_role("row").filter(has_text="Winter rest").filter(has_text="2099-12-24")).to_have_count(1)
    tab_to(admin, "Remove Winter rest")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog")).to_be_visible()
    press(admin, "Remove")
    expect(admin.get_by_role("row").filter(has_text="Winter rest")).to_have_count(0)


def test_no_page_has_a_fault(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/dnc/lists")
    fill(admin, "Name", "Registry")
    tab_to(admin, "A country's list")
    admin.keyboard.press("ArrowDown")
    press(admin, "Make the list")
    contact = f"/contacts/{site.world.contact_id}"
    # Colours that are still changing would be measured on their way.
    admin.emulate_media(reduced_motion="reduce")
    found = {}
    for path in (
        "/dnc/",
        "/dnc/lists",
        "/dnc/lists/1/files",
        "/calendars/",
        "/privacy/",
        "/privacy/retention",
        f"{contact}/consents",
        contact,
    ):
        for theme in ("light", "dark"):
            admin.goto(f"{site.url}{path}")
            admin.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
            if problems := faults(admin):
                found[path, theme] = problems
    assert found == {}


def test_a_filter_is_made_and_looked_at_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/filters/new")
    fill(admin, "Name", "Busy ones")
    tab_to(admin, "Field of condition 1.1")
    with admin.expect_response("**/filters/new"):
        admin.keyboard.type("Last completion code")

    fill(admin, "Value of condition 1.1", "CALL_BUSY")
    tab_to(admin, "Add a condition")
    admin.keyboard.press("Enter")
    expect(admin.get_by_label("Field of condition 1.2")).to_be_focused()
    expect(admin.get_by_label("Value of condition 1.1")).to_have_value("CALL_BUSY")
    tab_to(admin, "Remove condition 1.2")
    admin.keyboard.press("Enter")
    expect(admin.get_by_label("Field of condition 1.2")).to_have_count(0)
    tab_to(admin, "In the contact list")
    admin.keyboard.type("People")
    tab_to(admin, "Look")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text(re.compile(r"^\d+ of 12 contacts"))).to_be_visible()
    admin.emulate_media(reduced_motion="reduce")
    assert faults(admin) == []
    press(admin, "Save")
    expect(admin.get_by_role("row").filter(has_text="Last completion code is CALL_BUSY")).to_have_count(1)


def test_a_person_is_told_what_is_held_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/privacy/")
    fill(admin, "Number, address or ID", "+12125550103")
    press(admin, "Look")
    fill(admin, "Reference of the request", "case 13")
    press(admin, "Make an export")
    expect(admin.get_by_role("link", name="Download case 13")).to_be_visible(timeout=60_000)
    tab_to(admin, "Download case 13")
    with admin.expect_download() as fetched:
        admin.keyboard.press("Enter")
    assert fetched.value.suggested_filename.startswith("personal-data-")
    admin.emulate_media(reduced_motion="reduce")
    assert faults(admin) == []


def test_a_person_is_erased_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    contact = site.world.contact_id + 1
    admin.emulate_media(reduced_motion="reduce")
    admin.goto(f"{site.url}/contacts/{contact}")
    press(admin, "Personal data")
    expect(admin.get_by_role("heading", name="What an erasure takes")).to_be_visible()
    expect(admin.get_by_text("+12125550102")).to_be_visible()
    press(admin, "Erase now")
    expect(admin.get_by_text("Tick it: nothing brings the data back.")).to_be_visible()
    assert faults(admin) == []
    fill(admin, "Reference of the erasure", "case 12")
    tab_to(admin, "Erase this person for good")
    admin.keyboard.press("Space")
    press(admin, "Erase now")
    expect(admin.get_by_role("heading", name="Erased")).to_be_visible(timeout=60_000)
    assert faults(admin) == []
    admin.goto(f"{site.url}/contacts/{contact}")
    expect(admin.get_by_role("heading", name="This person was erased")).to_be_visible()
    assert "Ann2" not in admin.content()
    admin.goto(f"{site.url}/dnc/")
    fill(admin, "Search by the beginning", "+12125550102")
    with admin.expect_navigation():
        admin.keyboard.press("Enter")
    expect(admin.get_by_text("Somebody who was erased")).to_be_visible()
    admin.goto(f"{site.url}/privacy/")
    expect(admin.get_by_role("link", name="case 12")).to_be_visible()


def test_a_contact_is_changed_by_the_keyboard_alone_and_the_change_is_told(admin: Page, site: Site) -> None:
    contact = f"{site.url}/contacts/{site.world.contact_id}"
    admin.emulate_media(reduced_motion="reduce")
    admin.goto(f"{contact}/edit")
    assert faults(admin) == []
    fill(admin, "New email", "not an email")
    press(admin, "Save")
    expect(admin.get_by_role("alert")).to_contain_text("Is not an email address")
    assert faults(admin) == []
    fill(admin, "New email", "second@example.org")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("second@example.org")).to_be_visible()
    press(admin, "Changes")
    expect(admin.get_by_role("row").filter(has_text="second@example.org")).to_have_count(1)
    for path in (f"{contact}/history", f"{site.url}/attributes/", f"{site.url}/attributes/new"):
        admin.goto(path)
        assert faults(admin) == []
