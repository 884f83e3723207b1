"""What calls need besides people: trunks, calling windows, strategies, completion codes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.keyboard import choose

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported

PAGES = (
    "/trunks/", "/trunks/new", "/windows/", "/windows/1", "/windows/presets", "/windows/new", "/strategies/",
    "/strategies/1", "/strategies/new", "/codes/", "/codes/new", "/media-servers/", "/hosts/", "/calendars/",
    "/numbers/",
)  # fmt: skip
NAMELESS = """
    [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
    .filter(element => element.offsetParent && !(element.innerText || '').trim() && !element.ariaLabel
      && !(element.labels && element.labels.length) && !element.title).map(element => element.outerHTML.slice(0, 120))
"""


def test_makes_a_trunk_mends_it_and_deletes_it(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/trunks/")
    admin.get_by_role("link", name="New trunk").click()
    admin.get_by_label("Name", exact=True).fill("Carrier")
    admin.get_by_label("Host", exact=True).fill("sip.example.com")
    admin.get_by_text("Simulated", exact=True).click()
    admin.get_by_role("button", name="Make the trunk").click()
    expect(admin.get_by_text("may reach real telephones")).to_be_visible()
    admin.get_by_text("Simulated", exact=True).click()
    admin.get_by_role("button", name="Make the trunk").click()

    expect(admin.get_by_text("Carrier is ready.")).to_be_visible()
    expect(admin.get_by_role("row").filter(has_text="Carrier").filter(has_text="sip.example.com:5060")).to_be_visible()
    admin.get_by_role("link", name="Carrier", exact=True).click()
    admin.get_by_role("button", name="Delete").click()
    admin.get_by_role("dialog").get_by_role("button", name="Delete the trunk").click()
    expect(admin.get_by_text("The trunk is deleted.")).to_be_visible()


def test_lays_down_what_is_dialled_and_tries_it_by_the_keyboard(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/numbers/")
    admin.locator("#dialingform-name").fill("London by our prefix")
    for value in ("", "gb", "20", ""):
        admin.keyboard.press("Tab")
        admin.keyboard.type(value)
    choose(admin, "Write it", "International, without +")
    for value in ("0", "", "77#"):
        admin.keyboard.press("Tab")
        admin.keyboard.type(value)
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("The rule stands last.")).to_be_visible()
    admin.locator("#tryform-number").fill("+44 20 7946 0958")
    admin.keyboard.press("Enter")
    told = admin.locator("#tried")
    expect(told).to_contain_text("is dialled as 77#442079460958, because of the rule London by our prefix")

    admin.locator("#patternform-pattern").fill("555-0100")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("555-0100 is no range")).to_be_visible()
    admin.locator("#patternform-pattern").fill("207946*")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("Numbers like that are refused from now on")).to_be_visible()
    admin.locator("#tryform-number").fill("+44 20 7946 0958")
    admin.keyboard.press("Enter")
    expect(told).to_contain_text("matches the reject pattern 207946*")


def test_tunes_how_a_campaign_tells_who_answers(admin: Page, site: Site) -> None:
    page = f"{site.url}/campaigns/{site.world.campaign_id}"
    admin.goto(page)
    expect(admin.get_by_label("How it is told")).to_be_hidden()
    admin.get_by_label("Who answers").select_option("before")
    admin.get_by_text("Single figures of the profile").click()
    pause = admin.get_by_label("Silence after a longer greeting (s)")
    pause.fill("9")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("Give 0.2 to 3 s, or nothing.")).to_be_visible()
    pause.fill("0.9")
    admin.get_by_role("button", name="Save").click()

    expect(admin.get_by_text("Saved. A job that runs now")).to_be_visible()
    admin.goto(page)
    expect(pause).to_have_value("0.9")
    admin.get_by_label("Who answers").select_option("off")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("Saved. A job that runs now")).to_be_visible()


def test_makes_a_window_from_a_country_and_sees_its_week(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/windows/")
    admin.get_by_role("link", name="By country").click()
    admin.get_by_role("link", name="Use France").click()
    expect(admin.get_by_label("Monday")).to_have_value("10:00-13:00, 14:00-20:00")
    admin.get_by_label("Saturday").fill("in the morning")
    admin.get_by_role("button", name="Make the window").click()
    expect(admin.get_by_text("is not a span; write such as")).to_be_visible()
    admin.get_by_label("Saturday").fill("")
    admin.get_by_role("button", name="Make the window").click()

    expect(admin.get_by_role("heading", name="France")).to_be_visible()
    expect(admin.locator(".week-bar .is-open")).to_have_count(10)
    expect(admin.locator(".week-text").filter(has_text="Closed")).to_have_count(2)
    admin.goto(f"{site.url}/campaigns/new")
    expect(admin.get_by_label("Calling window").locator("option").filter(has_text="France")).to_have_count(1)


def test_breaks_a_strategy_is_led_to_the_line_and_publishes_the_mended_one(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/strategies/2")
    expect(admin.locator("svg.flow .flow-box").first).to_be_visible()
    admin.get_by_role("link", name="Edit").click()
    source = admin.get_by_label("Strategy XML")
    good = source.input_value()
    expect(admin.locator(".editor-gutter")).to_contain_text(str(len(good.splitlines())))
    source.fill(good.replace("</Handler>", "<Fax/></Handler>", 1))
    admin.get_by_role("button", name="Save as a draft").click()

    expect(admin.get_by_text("1 error found")).to_be_visible()
    expect(admin.locator(".line.is-error")).to_contain_text("Fax: not allowed in Handler")
    expect(admin.get_by_role("button", name="Publish")).to_be_disabled()
    admin.get_by_role("link", name="Edit").click()
    admin.get_by_role("button", name=re.compile("Line \\d+")).click()
    expect(source).to_be_focused()
    assert "<Fax/>" in admin.evaluate("window.getSelection().toString()")
    source.fill(good)
    admin.get_by_role("button", name="Save as a draft").click()
    admin.get_by_role("button", name="Publish").click()
    expect(admin.get_by_text("Revision 3 is published.")).to_be_visible()


def test_makes_a_completion_code(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/codes/new")
    admin.get_by_label("Name").fill("promised")
    admin.get_by_label("Success").check()
    admin.get_by_role("button", name="Make the code").click()

    expect(admin.get_by_text("PROMISED can be used")).to_be_visible()
    expect(admin.locator(".code-chip.is-good", has_text="Promised")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_a_telephone_and_names_its_controls(admin: Page, site: Site, theme: str) -> None:
    admin.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    admin.set_viewport_size({"width": 390, "height": 844})
    for path in PAGES:
        answer = admin.goto(site.url + path)
        assert answer is not None
        assert answer.status == 200, path
        assert not admin.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"), path
        assert admin.evaluate(NAMELESS) == [], path
        assert admin.locator("h1").count() == 1, path


@pytest.mark.timeout(300)
def test_tries_out_a_pacing_with_the_keyboard_and_sees_it_drawn(admin: Page, site: Site) -> None:
    admin.goto(f"{site.url}/pacing/")
    expect(admin.get_by_text("Nothing tried yet")).to_be_visible()
    choose(admin, "Time", "None")
    admin.get_by_label("Timed preview", exact=True).focus()
    admin.keyboard.press("Space")
    for name, text in (("Agents", "3"), ("Hours of a shift", "0.5")):
        admin.get_by_label(name, exact=True).focus()
        admin.keyboard.press("Control+a")
        admin.keyboard.type(text)
    admin.keyboard.press("Enter")

    # Seconds of computing, by a process that gives way to all others.
    expect(admin.get_by_text("Completed")).to_be_visible(timeout=200_000)
    expect(admin.get_by_text("Nobody can do better than")).to_be_visible()
    for mode in ("Predictive", "Timed preview"):
        expect(admin.get_by_role("img", name=f"{mode}: agents minute by minute")).to_be_visible()
    assert admin.evaluate(NAMELESS) == []
