"""The panel as a person uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.db import make_engine, write_transaction
from app.models import Attempt, AttemptState

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported

GOOD = """<?xml version="1.0" encoding="UTF-8"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">
  <form><block><prompt>Hello.</prompt><exit/></block></form>
</vxml>
"""
BAD = GOOD.replace("<exit/>", "<exitt/>")


def test_signs_in_and_must_choose_a_password(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page).to_have_title(re.compile("Sign in"))
    page.get_by_label("Login").fill("newcomer")
    page.get_by_label("Password").fill(site.first_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()

    page.goto(f"{site.url}/campaigns/")
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    page.get_by_label("Present password").fill(site.first_password)
    page.get_by_label("New password", exact=True).fill("a password of my own")
    page.get_by_label("New password again").fill("a password of my own")
    page.get_by_role("button", name="Change password").click()

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def test_imports_a_csv_file_and_lists_its_rejects(admin: Page, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Customer ID,First name,Mobile,Balance\n1,Bo,+12125550111,5\n2,Cy,call me,6\n3,Di,+12125550113,7\n")
    admin.goto(f"{site.url}/lists/new")
    admin.get_by_label("Name").fill("Imported")
    admin.get_by_role("button", name="Make the list").click()
    admin.locator("input[type=file]").set_input_files(file)
    expect(admin.get_by_text("people.csv")).to_be_visible()
    admin.get_by_role("button", name="Go on").click()

    expect(admin.get_by_label("Customer ID", exact=True)).to_have_value("id")
    expect(admin.get_by_label("Mobile", exact=True)).to_have_value("phone1")
    expect(admin.get_by_label("Attribute's name for Balance")).to_have_value("balance")
    admin.get_by_role("button", name="Import").click()

    expect(admin.get_by_text("Completed")).to_be_visible()
    expect(admin.locator("#rejects tbody tr")).to_have_count(1)
    expect(admin.locator("#rejects")).to_contain_text("Mobile")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Error file").click()
    assert "call me" in Path(download.value.path()).read_text()


def test_shows_a_script_s_errors_by_line_and_publishes_the_mended_one(admin: Page, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "hello.vxml"
    file.write_text(BAD)
    admin.goto(f"{site.url}/scripts/new")
    admin.get_by_label("Name").fill("Hello")
    admin.locator("input[type=file]").set_input_files(file)
    admin.get_by_role("button", name="Upload and check").click()

    expect(admin.get_by_text("1 error found")).to_be_visible()
    expect(admin.locator("#problems")).to_contain_text("exitt")
    expect(admin.locator("#line-3.is-error")).to_be_visible()
    expect(admin.get_by_role("button", name="Publish")).to_be_disabled()

    file.write_text(GOOD)
    admin.get_by_role("link", name="Upload another").click()
    admin.locator("input[type=file]").set_input_files(file)
    admin.get_by_role("button", name="Upload and check").click()
    admin.get_by_role("button", name="Publish").click()

    expect(admin.get_by_text("Revision 2 is published.")).to_be_visible()


def test_makes_a_campaign_and_starts_it(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/campaigns/new")
    admin.get_by_label("Name", exact=True).fill("Spoken")
    admin.get_by_text("A spoken message").click()
    admin.get_by_role("textbox", name="Message").fill("Hello {first_name|there}.")
    expect(admin.get_by_label("Script", exact=True)).to_be_hidden()
    admin.get_by_label("Who answers").select_option("Decide, then talk")
    admin.get_by_label("When a machine answers").select_option("Speak after its beep")
    admin.get_by_label("Caller ID").fill("not a number")
    admin.get_by_role("button", name="Make the campaign").click()
    expect(admin.get_by_text("use + and 3 to 15 digits")).to_be_visible()
    admin.get_by_label("Caller ID").fill("+12125550100")
    admin.get_by_role("button", name="Make the campaign").click()
    expect(admin.get_by_text("Spoken is ready to start.")).to_be_visible()

    row = admin.get_by_role("row").filter(has_text="Spoken")
    row.get_by_role("link", name="Spoken").click()
    expect(admin.get_by_label("When a machine answers")).to_have_value("leave_message")
    admin.go_back()
    row.get_by_role("button", name="Start").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("Start Spoken?")
    expect(dialog).to_contain_text(re.compile(r"Everybody on \S.* will be tried as the strategy says"))
    dialog.get_by_role("button", name="Keep it as it is").click()
    row.get_by_role("button", name="Start").click()
    dialog.get_by_role("button", name="Start now").click()

    expect(admin.get_by_role("heading", name="Spoken")).to_be_visible()
    expect(admin.get_by_text("Queued", exact=True)).to_be_visible()


def test_a_job_page_is_live(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/jobs/{site.world.job_id}")
    expect(admin.locator("#live-dot")).to_have_text("Live")
    expect(admin.locator("[data-part=funnel]")).to_contain_text("Answered")
    expect(admin.locator("[data-part=books]")).to_contain_text("11 ended + 1 in progress = 12 attempts")
    expect(admin.locator("#rate-chart canvas")).to_be_visible()
    row = admin.locator("[data-part=calls] tbody tr")
    expect(row).to_have_count(1)

    engine = make_engine(site.database_url)
    with write_transaction(engine) as session:
        attempt = session.get_one(Attempt, site.world.attempt_id)
        attempt.state, attempt.completion_code, attempt.ended_at = (
            AttemptState.DONE,
            "REJECTED_BY_USER",
            attempt.started_at,
        )
    engine.dispose()

    expect(admin.locator("[data-part=books]")).to_contain_text("12 ended + 0 in progress")
    expect(admin.locator("[data-part=codes]")).to_contain_text("Rejected by user")
    expect(row).to_have_count(0)


def test_a_job_page_goes_on_without_the_stream(admin: Page, site: Site) -> None:
    admin.route("**/live/jobs/**", lambda route: route.abort())
    admin.goto(f"{site.url}/jobs/{site.world.job_id}")

    expect(admin.locator("#live-dot")).to_have_text("Updated every 2 s")


def test_pauses_resumes_and_stops_a_job(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/jobs/{site.world.job_id}")
    expect(admin.get_by_role("button", name="Resume")).to_be_hidden()
    admin.get_by_role("button", name="Pause").click()
    expect(admin.get_by_text("Pausing", exact=True)).to_be_visible()
    admin.get_by_role("button", name="Resume").click()
    expect(admin.get_by_text("Running", exact=True)).to_be_visible()
    admin.get_by_role("button", name="Stop", exact=True).click()
    admin.get_by_role("dialog").get_by_role("button", name="Stop the job").click()
    expect(admin.get_by_text("Stopping", exact=True)).to_be_visible()
    expect(admin.get_by_role("button", name="Pause")).to_be_hidden()


def test_says_why_a_contact_is_not_dialled_and_lists_it(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/contacts/{site.world.contact_id}")
    expect(admin.locator(".why li").first).to_be_visible()
    admin.get_by_role("link", name="Trace").first.click()
    expect(admin.locator(".trace")).to_contain_text("INVITE")
    admin.get_by_role("button", name="Do not call", exact=True).click()
    admin.get_by_role("dialog").get_by_role("button", name="Do not call").click()

    expect(admin.locator(".alert-warning").first).to_contain_text("for ever")
    expect(admin.locator(".why")).to_contain_text("do-not-call list")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_loads_cleanly_on_a_telephone_too(admin: Page, site: Site, theme: str) -> None:
    admin.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    admin.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/campaigns/", "/jobs/", "/scripts/", "/lists/", "/contacts/", "/dnc/", "/users/", "/audit/"):
        answer = admin.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert admin.evaluate("document.documentElement.dataset.bsTheme") == theme
        wide = admin.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        assert not wide, f"{path} scrolls sideways"


def test_every_page_names_its_controls(admin: Page, site: Site) -> None:
    """A label or name for every control and a heading for every page: what a screen reader needs first."""
    nameless = """
        [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
        .filter(element => {
          const text = (element.innerText || '').trim();
          const labelled = element.labels && element.labels.length;
          return element.offsetParent && !text && !labelled && !element.getAttribute('aria-label')
            && !element.getAttribute('aria-labelledby') && !element.title;
        }).map(element => element.outerHTML.slice(0, 120))
    """
    job, contact = site.world.job_id, site.world.contact_id
    for path in (
        "/",
        "/campaigns/new",
        f"/jobs/{job}",
        "/scripts/new",
        "/lists/1",
        f"/contacts/{contact}",
        "/dnc/",
        "/users/",
    ):
        admin.goto(site.url + path)
        assert admin.evaluate(nameless) == [], path
        assert admin.locator("h1").count() == 1, path


def test_can_be_used_by_keyboard_alone(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/sign-in")
    page.keyboard.type("watcher")
    page.keyboard.press("Tab")
    page.keyboard.type("five green bottles")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
