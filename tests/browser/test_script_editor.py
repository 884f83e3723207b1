"""The script editor as a call-flow designer uses it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db import make_engine, write_transaction
from app.security.access import Actor
from app.services import scripts
from tests.support import panel
from tests.support.zips import zipped

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

Site = Any  # tests/browser/conftest.py; conftest files cannot be imported

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "collections"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RUN_AXE = """
    () => axe.run(document.querySelector('#work'), {resultTypes: ['violations']})
      .then(found => found.violations.map(one =>
        one.id + ': ' + one.nodes.map(node => node.html.slice(0, 200) + node.failureSummary).slice(0, 3).join(' ')))
"""
HELLO = """<?xml version="1.0"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">
  <form id="a">
    <block>Hello</block>
  </form>
</vxml>
"""


def make_script(site: Site, name: str, files: dict[str, bytes]) -> str:
    """A script with one draft; answers the address of its editor."""
    engine = make_engine(site.database_url)
    prepared = scripts.prepare("a.zip", zipped(files))
    with write_transaction(engine) as session:
        script = scripts.create_script(session, Actor.system(), name, "", site.world.organization_id)
        revision = scripts.upload_revision(session, Actor.system(), script.id, prepared)
        address = f"{site.url}/scripts/{script.id}/revisions/{revision.id}/edit"
    engine.dispose()
    return address


@pytest.fixture(scope="module")
def collections(site: Site) -> str:
    files = {path.name: path.read_bytes() for path in (EXAMPLE / "voicexml").iterdir()}
    tests = (EXAMPLE / "collections.vxmltest.yaml").read_bytes().replace(b"voicexml/", b"")
    return make_script(site, "Collections in the editor", {**files, "collections.vxmltest.yaml": tests})


_made = iter(range(1000))


@pytest.fixture
def hello(site: Site) -> str:
    return make_script(site, f"Hello in the editor {next(_made)}", {"main.vxml": HELLO.encode(), "hi.wav": b"RIFF"})


@pytest.fixture
def second(browser: Browser, site: Site) -> Iterator[Page]:
    """Somebody else at the same time."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Login").fill("admin")
    page.get_by_label("Password").fill(panel.PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    yield page
    context.close()


def write(page: Page, text: str) -> None:
    """Replace the whole text of the open file, as by pasting."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_marks_a_mistake_while_it_is_typed_leads_to_it_and_saves_the_mended_text(admin: Page, hello: str) -> None:
    admin.goto(hello)
    expect(admin.get_by_role("button", name="Save as a draft")).to_be_disabled()
    write(admin, HELLO.replace("<block>", "<blok>").replace("</block>", "</blok>"))
    expect(admin.locator("#problem-list button")).to_contain_text(["blok"])
    expect(admin.locator(".cm-lint-marker-error")).to_be_visible()
    admin.keyboard.press("Control+Home")
    admin.locator("#problem-list button").first.click()
    expect(admin.locator(".cm-activeLine")).to_contain_text("<blok>")

    write(admin, HELLO.replace("Hello", "Good day"))
    expect(admin.get_by_text("No problems")).to_be_visible()
    admin.keyboard.press("Control+s")
    expect(admin.locator("#work-state")).to_have_text("Saved as revision 2, a draft")
    admin.reload()
    expect(admin.locator(".cm-content")).to_contain_text("Good day")
    admin.get_by_role("link", name="Revision", exact=True).click()
    expect(admin.get_by_role("button", name="Publish")).to_be_enabled()


def ask_for_completion(page: Page, wanted: str) -> None:
    """As a person does whom the list did not come to: what was typed must be parsed first, which takes its time."""
    first = page.locator(".cm-tooltip-autocomplete li").first
    for _ in range(40):
        page.keyboard.press("Control+Space")
        page.wait_for_timeout(250)
        if first.count():
            break
    expect(first).to_contain_text(wanted)


def test_completes_elements_and_attributes_from_the_schema(admin: Page, hello: str) -> None:
    admin.goto(hello)
    admin.locator(".cm-line", has_text="<form").click()
    admin.keyboard.press("End")
    admin.keyboard.press("Enter")
    admin.keyboard.type("<fie", delay=60)
    expect(admin.locator(".cm-tooltip-autocomplete li").first).to_contain_text("field")
    # For 75 ms after the list comes Enter still means a new line, so that nobody takes what they have not seen.
    admin.wait_for_timeout(300)
    admin.keyboard.press("Enter")
    admin.keyboard.type(" mod", delay=60)
    ask_for_completion(admin, "modal")
    admin.keyboard.press("Escape")
    admin.keyboard.press("Control+f")
    expect(admin.get_by_placeholder("Find")).to_be_focused()


def test_unsaved_work_is_guarded(admin: Page, hello: str, site: Site) -> None:
    admin.goto(hello)
    write(admin, HELLO + "<!-- more -->")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    admin.on("dialog", stay)
    admin.goto(f"{site.url}/scripts/")
    assert asked == ["beforeunload"]


def test_adds_renames_deletes_and_brings_back_files(admin: Page, hello: str, tmp_path: Path) -> None:
    admin.goto(hello)
    files = admin.locator("#file-list button")
    admin.get_by_role("button", name="New file").click()
    admin.get_by_label("Path in the script").fill("pay")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("Let it end in .vxml")).to_be_visible()
    admin.get_by_label("Path in the script").fill("pay.vxml")
    admin.keyboard.press("Enter")
    expect(files.filter(has_text="pay.vxml")).to_have_attribute("aria-current", "true")
    admin.get_by_role("button", name="Rename this file").click()
    admin.get_by_label("Path in the script").fill("pages/pay.vxml")
    admin.get_by_role("button", name="OK").click()
    expect(files.filter(has_text="pages/pay.vxml")).to_be_visible()

    files.filter(has_text="hi.wav").click()
    expect(admin.locator("#code-title")).to_have_text("hi.wav · 4 bytes")
    admin.get_by_role("button", name="Delete this file").click()
    expect(files.filter(has_text="hi.wav")).to_have_count(0)
    admin.get_by_role("button", name="Undo").click()
    expect(files.filter(has_text="hi.wav")).to_be_visible()
    with admin.expect_download() as download:
        admin.get_by_role("button", name="Download this file").click()
    assert Path(download.value.path()).read_bytes() == b"RIFF"

    sound = tmp_path / "bye.wav"
    sound.write_bytes(b"RIFF\xff\x00more")
    admin.get_by_label("Add files from this computer").set_input_files(sound)
    expect(files.filter(has_text="bye.wav")).to_be_visible()
    admin.get_by_role("button", name="Save as a draft").click()
    # "Saved as revision 2", and soon after "Revision 2, nothing changed".
    expect(admin.locator("#work-state")).to_contain_text(re.compile("revision 2", re.IGNORECASE))
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["bye.wav", "hi.wav", "main.vxml", "pages/pay.vxml"]
        assert archive.read("bye.wav") == b"RIFF\xff\x00more"


def test_the_second_of_two_who_save_chooses_how_both_go_together(admin: Page, second: Page, hello: str) -> None:
    admin.goto(hello)
    second.goto(hello)
    write(second, HELLO.replace("Hello", "Theirs"))
    second.keyboard.press("Control+s")
    expect(second.locator("#work-state")).to_contain_text("Saved as revision 2")

    admin.get_by_role("button", name="New file").click()
    admin.get_by_label("Path in the script").fill("mine.txt")
    admin.keyboard.press("Enter")
    admin.get_by_role("button", name="Save as a draft").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("saved revision 2 while you worked on revision 1. Changed there: main.vxml.")
    dialog.get_by_role("button", name="Not now").click()
    expect(admin.locator("#file-list button", has_text="mine.txt")).to_be_visible()
    admin.get_by_role("button", name="Save as a draft").click()
    dialog.get_by_role("button", name="Put mine on top of theirs").click()
    expect(admin.locator("#work-state")).to_contain_text("Revision 3")
    expect(admin.locator(".cm-content")).to_contain_text("Theirs")
    expect(admin.locator("#file-list button", has_text="mine.txt")).to_be_visible()


def test_tries_a_conversation_with_keypad_keyboard_silence_and_hanging_up(admin: Page, collections: str) -> None:
    admin.goto(collections)
    admin.get_by_role("tab", name="Try it").click()
    admin.get_by_label("Values of the contact").fill("first_name=Ana\nlast_name=Ruiz\nbalance=120.50")
    admin.get_by_role("button", name="Start", exact=True).click()
    talk = admin.get_by_role("log")
    expect(talk).to_contain_text("If you are Ana Ruiz, press 1")
    expect(talk).to_be_focused()
    admin.keyboard.press("1")
    expect(talk).to_contain_text("Your balance is 120 dollars and 50 cents")
    admin.get_by_role("button", name="Silence").click()
    admin.get_by_role("button", name="2", exact=True).click()
    expect(talk).to_contain_text("On which day will you pay")
    for key in "1231":
        admin.get_by_role("button", name=key, exact=True).click()
    expect(talk).to_contain_text("by December 31")
    expect(admin.locator("#try-variables")).to_contain_text("completion_code")
    admin.get_by_role("button", name="Hang up").click()
    expect(admin.get_by_text("The call is over: hangup.")).to_be_visible()
    expect(admin.get_by_role("button", name="Silence")).to_be_disabled()
    with admin.expect_download() as download:
        admin.get_by_role("button", name="Transcript").click()
    assert "On which day will you pay" in Path(download.value.path()).read_text()


def test_unsaved_text_is_what_is_tried_and_what_is_wrong_is_said(admin: Page, hello: str) -> None:
    admin.goto(hello)
    write(admin, HELLO.replace("Hello", "<script>while (true) {}</script>"))
    admin.get_by_role("tab", name="Try it").click()
    admin.get_by_label("Values of the contact").fill("nonsense")
    admin.get_by_role("button", name="Start", exact=True).click()
    expect(admin.get_by_role("alert").filter(has_text="write NAME=VALUE")).to_be_visible()
    admin.get_by_label("Values of the contact").fill("")
    admin.get_by_role("button", name="Start", exact=True).click()
    # By the engine's own limit, the session's, or the kernel's: whichever a busy machine comes to first.
    ended = re.compile("exceeded its limits|processor time|was stopped")
    said = admin.locator("#try-state, #try-error").filter(has_text=ended)
    expect(said).to_be_visible()


def test_runs_tests_and_shows_coverage_in_margin_table_and_drawing(admin: Page, collections: str) -> None:
    admin.goto(collections)
    admin.get_by_role("tab", name="Tests").click()
    admin.get_by_role("button", name="Run tests").click()
    expect(admin.locator("#tests-summary")).to_have_text("7 passed, 0 failed")
    expect(admin.locator("#coverage-list tr", has_text="start.vxml")).to_contain_text("100 %")
    admin.locator("#coverage-list").get_by_role("button", name="pay.vxml").click()
    expect(admin.locator("#code-title")).to_have_text("pay.vxml")
    expect(admin.locator(".cover-mark.is-ran").first).to_be_visible()
    expect(admin.locator(".cover-mark:not(.is-ran)").first).to_be_visible()
    admin.get_by_role("tab", name="Graph").click()
    expect(admin.get_by_role("button", name="line 4 of start.vxml, 100 % tested")).to_be_visible()
    admin.reload()
    admin.get_by_role("tab", name="Tests").click()
    expect(admin.locator("#tests-summary")).to_have_text("7 passed, 0 failed")


def test_makes_a_first_test_file(admin: Page, hello: str) -> None:
    admin.goto(hello)
    admin.get_by_role("tab", name="Tests").click()
    expect(admin.get_by_text("No tests yet")).to_be_visible()
    admin.get_by_role("button", name="Make a test file").click()
    expect(admin.locator("#code-title")).to_have_text("main.vxmltest.yaml")
    admin.get_by_role("button", name="Run tests").click()
    expect(admin.locator("#tests-summary")).to_have_text("1 passed, 0 failed")


def test_the_drawing_leads_to_lines_and_moves_by_keys(admin: Page, collections: str) -> None:
    admin.goto(collections)
    admin.get_by_role("tab", name="Graph").click()
    drawing = admin.locator("#graph-svg")
    expect(drawing).to_be_visible()
    before = drawing.get_attribute("viewBox")
    drawing.focus()
    admin.keyboard.press("ArrowRight")
    moved = drawing.get_attribute("viewBox")
    admin.keyboard.press("+")
    assert len({before, moved, drawing.get_attribute("viewBox")}) == 3
    admin.keyboard.press("0")
    box = admin.get_by_role("button", name="form, line 4 of promise.vxml")
    box.focus()
    admin.keyboard.press("Enter")
    expect(admin.locator("#code-title")).to_have_text("promise.vxml")
    expect(admin.locator(".cm-activeLine")).to_contain_text('<form id="promise"')
    drawing.hover(position={"x": 300, "y": 200})
    wide = drawing.get_attribute("viewBox")
    admin.mouse.wheel(0, 200)
    expect(drawing).not_to_have_attribute("viewBox", wide or "")
    admin.get_by_role("button", name="form, line 4 of start.vxml").click()
    expect(admin.locator("#code-title")).to_have_text("start.vxml")


def test_who_may_only_look_can_read_try_and_test(page: Page, site: Site, collections: str) -> None:
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Login").fill("watcher")
    page.get_by_label("Password").fill(panel.PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(collections)
    expect(page.locator(".cm-content")).to_have_attribute("aria-readonly", "true")
    expect(page.get_by_role("button", name="Save as a draft")).to_have_count(0)
    page.get_by_role("tab", name="Tests").click()
    page.get_by_role("button", name="Run tests").click()
    expect(page.locator("#tests-summary")).to_have_text("7 passed, 0 failed")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 900), (390, 844)])
def test_every_tool_is_accessible_and_fits(admin: Page, collections: str, theme: Any, size: tuple[int, int]) -> None:
    admin.emulate_media(color_scheme=theme)
    admin.set_viewport_size({"width": size[0], "height": size[1]})
    admin.goto(collections)
    admin.evaluate(AXE)
    tools = {"Problems": "#problem-none", "Try it": "#try-start", "Tests": "#tests-run", "Graph": "#graph-svg"}
    for name, shown in tools.items():
        admin.get_by_role("tab", name=name).click()
        expect(admin.locator(shown).first).to_be_visible()
        if name == "Try it":
            admin.locator("#try-start").click()
            expect(admin.get_by_role("log")).to_contain_text("press 1")
        assert admin.evaluate(RUN_AXE) == [], name
        assert not admin.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"), name
