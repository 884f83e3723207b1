"""The upload wizard in a real browser: by the keyboard alone, and without a fault for axe-core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import workbooks
from tests.support.keyboard import faults, fill, press, tab_to

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported

TEXT = """Customer ID;First name;Mobile;Due
1;Zoë;+12125550111;2026-03-01
2;Cy;call me;2026-03-02
3;Jürgen;+12125550113;
"""


def upload(page: Page, site: Site, name: str, file: Path) -> None:
    page.goto(f"{site.url}/lists/new")
    fill(page, "Name", name)
    press(page, "Make the list")
    assert faults(page) == []
    # A browser's own file dialog is beyond Playwright's keyboard; the rest of the way is not.
    page.locator("input[type=file]").set_input_files(file)
    press(page, "Go on")


def test_a_file_is_understood_mapped_tried_and_imported_by_the_keyboard_alone(
    admin: Page, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(TEXT.encode("cp1252"))
    upload(admin, site, "By the keyboard", file)

    expect(admin.get_by_text("cp1252, guessed")).to_be_visible()
    expect(admin.get_by_text("1;Zoë;+12125550111")).to_be_visible()
    expect(admin.get_by_label("Type of Due")).to_have_value("date")
    assert faults(admin) == []
    fill(admin, "Encoding", "mac-roman")
    press(admin, "Read it anew")
    expect(admin.get_by_text("mac-roman, as chosen")).to_be_visible()
    tab_to(admin, "Encoding")
    admin.keyboard.press("Control+A")
    admin.keyboard.type("windows-1252")
    press(admin, "Read it anew")
    expect(admin.get_by_text("cp1252, as chosen")).to_be_visible()

    press(admin, "Try it")
    trial = admin.locator("#trial")
    expect(trial).to_contain_text("All rows of the file were tried")
    expect(trial.get_by_role("row")).to_have_count(2)
    expect(trial).to_contain_text("Mobile")
    assert faults(admin) == []

    press(admin, "Import")
    expect(admin.get_by_text("Completed")).to_be_visible()
    expect(admin.locator("#rejects tbody tr")).to_have_count(1)
    assert faults(admin) == []
    tab_to(admin, "Error file")
    with admin.expect_download() as download:
        admin.keyboard.press("Enter")
    assert "call me" in Path(download.value.path()).read_text()
    press(admin, "To the list")
    expect(admin.get_by_text("Zoë")).to_be_visible()


def test_a_sheet_of_a_workbook_is_chosen(admin: Page, site: Site, tmp_path: Path) -> None:
    people = [["id", "name", "phone1"], [7, "Di", 12125550117]]
    file = workbooks.write(tmp_path / "people.xlsx", {"Notes": [["nothing here"]], "People": people})
    upload(admin, site, "From a workbook", file)

    expect(admin.get_by_text("sheet 'Notes' of 2")).to_be_visible()
    tab_to(admin, "Sheet")
    admin.keyboard.press("ArrowDown")
    press(admin, "Read it anew")
    expect(admin.get_by_label("phone1", exact=True)).to_have_value("phone1")
    press(admin, "Import")
    expect(admin.get_by_text("Every row was taken.")).to_be_visible()
