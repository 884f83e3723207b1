"""Data sources, dry runs and API tokens in a real browser: by the keyboard alone, without a fault for axe-core."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import make_engine, read_transaction
from app.models import ContactList
from tests.support.keyboard import choose, faults, fill, press, tab_to

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported

TEXT = (
    "Customer ID,First name,Mobile,Joined\nS1,Zoë,+12125550121,2026-01-02\nS2,Cy,call me,\nS1,Zoë,+12125550121,soon\n"
)


def test_a_source_is_made_tried_and_imported_by_the_keyboard_alone(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/lists/new")
    fill(admin, "Name", "From a folder")
    press(admin, "Make the list")
    shown = re.search(r"/lists/(\d+)", admin.url)
    assert shown is not None
    list_id = int(shown[1])
    admin.goto(f"{site.url}/sources/new/{list_id}")
    assert faults(admin) == []
    fill(admin, "Name", "Nightly")
    fill(admin, "Folder", "nightly")
    choose(admin, "What a file is", "Is the whole")
    expect(admin.get_by_label("Percent that may be taken out without asking")).to_be_visible()
    press(admin, "Make the source")
    expect(admin.get_by_text("The source is made")).to_be_visible()
    assert faults(admin) == []
    press(admin, "Test the connection")
    expect(admin.get_by_text("The connection works")).to_be_visible()

    drop = _drop(site, list_id) / "nightly"
    (drop / "people.csv").write_text(TEXT)
    press(admin, "Try its files")
    _until(admin, "tried only: 1 taken")
    assert (drop / "people.csv").exists()
    press(admin, "people.csv")
    tried = admin.locator("#tried")
    expect(tried).to_contain_text("Numbers by country")
    expect(tried).to_contain_text("Mobile")
    expect(admin.get_by_text("Nothing was imported")).to_be_visible()
    expect(admin.locator("#rejects tbody tr")).to_have_count(1)
    assert faults(admin) == []

    press(admin, "Import it now")
    expect(admin.get_by_text("Completed")).to_be_visible()
    expect(admin.get_by_text("Everybody in the list is in it.")).to_be_visible()
    assert faults(admin) == []
    press(admin, "To the list")
    expect(admin.get_by_text("Zoë")).to_be_visible()


def test_a_file_of_the_wizard_is_tried_whole_and_takes_out_who_is_not_in_it(
    admin: Page, site: Site, tmp_path: Path
) -> None:
    admin.goto(f"{site.url}/lists/new")
    fill(admin, "Name", "The whole of it")
    press(admin, "Make the list")
    for number, text in enumerate((TEXT + "S3,Di,+12125550123,\n", TEXT)):
        file = tmp_path / f"{number}.csv"
        file.write_text(text)
        admin.locator("input[type=file]").set_input_files(file)
        press(admin, "Go on")
        if number:
            choose(admin, "The file", "Is the whole")
            expect(admin.get_by_label("Percent that may be taken out")).to_be_visible()
            assert faults(admin) == []
            press(admin, "Try the whole file")
            expect(admin.get_by_text("Nobody would be taken out before somebody says so")).to_be_visible()
            press(admin, "Import it now")
        else:
            press(admin, "Import")
        expect(admin.get_by_text("Completed")).to_be_visible()
        if number == 0:
            press(admin, "To the list")
    expect(admin.get_by_text("1 of 2 contacts of the list are not in the file")).to_be_visible()
    assert faults(admin) == []
    tab_to(admin, "Take them out")
    admin.keyboard.press("Enter")
    with admin.expect_navigation():
        tab_to(admin, "Take them out")
        admin.keyboard.press("Enter")
    expect(admin.get_by_text("1 contacts were taken out of the list.")).to_be_visible()
    press(admin, "Put back whom it took out")
    expect(admin.get_by_text("in the list again")).to_be_visible()
    assert faults(admin) == []


def test_a_token_gets_its_permissions_by_checkboxes(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/api-tokens/")
    assert faults(admin) == []
    press(admin, "Make it")
    expect(admin.get_by_text("Choose what it may do.")).to_be_visible()
    assert faults(admin) == []
    fill(admin, "Name", "CRM")
    for name in ("See lists and contacts", "Change the do-not-call list"):
        tab_to(admin, name)
        admin.keyboard.press("Space")
    press(admin, "Make it")
    expect(admin.get_by_text("The token is made")).to_be_visible()
    expect(admin.get_by_role("cell", name="lists.view, dnc.edit")).to_be_visible()
    assert faults(admin) == []


def _drop(site: Site, list_id: int) -> Path:
    """Where other programs put files for sources of the list's organization."""
    engine = make_engine(site.database_url)
    with read_transaction(engine) as session:
        home = session.get_one(ContactList, list_id).organization_id
    folder = Path(str(engine.url.database)).parent / "drop" / str(home)
    engine.dispose()
    return folder


def _until(page: Page, text: str) -> None:
    """The page of a source does not follow its run by itself."""
    for _ in range(120):
        page.reload()
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(500)
    pytest.fail(f"never said {text!r}")
