"""Do not call, consent and calendars in a real browser: by the keyboard alone, and without a fault for axe-core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import make_engine, write_transaction
from app.models import Role
from app.security.access import Actor
from app.services import users
from tests.support import panel
from tests.support.keyboard import choose, faults, fill, press, tab_to

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
    tab_to(admin, "Consents")  # of everybody, in the menu; the person's own comes after it
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


def test_a_file_of_consents_is_counted_and_taken_by_the_keyboard_alone(admin: Page, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "consents.csv"
    lines = ("+12125550103,voice+sms,newsletter,given,2026-01-05,web form", "12,voice,newsletter,given,2026-01-05,call")
    file.write_text("\n".join(("phone,channel,purpose,act,at,source", *lines)))
    admin.emulate_media(reduced_motion="reduce")
    admin.goto(f"{site.url}/consents/")
    admin.get_by_label("File", exact=True).set_input_files(file)
    press(admin, "Only count")
    expect(
        admin.get_by_text("2 lines read, 2 given, 0 taken back, 0 in the ledger already, 1 rejected")
    ).to_be_visible()
    assert faults(admin) == []
    admin.get_by_label("File", exact=True).set_input_files(file)
    press(admin, "Take it")
    expect(admin.get_by_text("It holds from the next attempt on.")).to_be_visible()
    fill(admin, "Whole number, email or ID", "+12125550103")
    with admin.expect_navigation():
        admin.keyboard.press("Enter")
    expect(admin.get_by_role("row").filter(has_text="newsletter")).to_have_count(2)
    assert faults(admin) == []


def test_a_number_is_revealed_for_a_while_by_the_keyboard_alone(page: Page, site: Site) -> None:
    roles = [Role.ORG_SUPERVISOR, Role.NUMBERS_REVEAL]
    database = make_engine(site.database_url)
    with write_transaction(database) as session:
        home = site.world.organization_id
        users.add_user(
            session, Actor.system(), login="looker", roles=roles, organization_id=home, password=panel.PASSWORD
        )
    database.dispose()
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Login").fill("looker")
    page.get_by_label("Password").fill(panel.PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.clock.install()
    page.goto(f"{site.url}/contacts/{site.world.contact_id}")
    assert "+12125550101" not in page.content()
    assert faults(page) == []
    tab_to(page, "Reveal +1212*****01")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason, if you like")).to_be_focused()
    page.keyboard.type("called back")
    page.keyboard.press("Enter")
    expect(page.get_by_text("+12125550101")).to_be_visible()
    assert faults(page) == []
    page.clock.run_for(31_000)
    expect(page.get_by_text("+12125550101")).to_have_count(0)
    expect(page.get_by_label("Reveal +1212*****01").first).to_be_visible()


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
        "/consents/",
        "/audit/?kind=numbers.reveal",
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
    choose(admin, "Field of condition 1.1", "Last completion code")
    fill(admin, "Value of condition 1.1", "CALL_BUSY")
    tab_to(admin, "Add a condition")
    admin.keyboard.press("Enter")
    expect(admin.get_by_label("Field of condition 1.2")).to_be_focused()
    expect(admin.get_by_label("Value of condition 1.1")).to_have_value("CALL_BUSY")
    tab_to(admin, "Remove condition 1.2")
    admin.keyboard.press("Enter")
    expect(admin.get_by_label("Field of condition 1.2")).to_have_count(0)
    choose(admin, "In the contact list", "People")
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
    expect(admin.get_by_role("link", name="Download case 13")).to_be_visible()
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
    expect(admin.get_by_text("+12125550102").first).to_be_visible()
    press(admin, "Erase now")
    expect(admin.get_by_text("Tick it: nothing brings the data back.")).to_be_visible()
    assert faults(admin) == []
    fill(admin, "Reference of the erasure", "case 12")
    tab_to(admin, "Erase this person for good")
    admin.keyboard.press("Space")
    press(admin, "Erase now")
    expect(admin.get_by_role("heading", name="Erased")).to_be_visible()
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
    press(admin, "Undo the change of email")
    expect(admin.get_by_text("The value is back as it was before that change.")).to_be_visible()
    expect(admin.get_by_role("row").filter(has_text="second@example.org")).to_have_count(2)
    for path in (f"{contact}/history", f"{site.url}/attributes/", f"{site.url}/attributes/new"):
        admin.goto(path)
        assert faults(admin) == []
