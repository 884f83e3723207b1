"""A real `clarion web` and a real Chromium, once for all browser tests."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.db import make_engine, upgrade, write_transaction
from app.security.access import Actor
from app.services import users
from tests.support import panel, processes
from tests.support.ports import free_range

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    # A container may have little shared memory, of which it would die.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Seconds: a busy machine is slow, not wrong.
PATIENCE = 60.0
expect.set_options(timeout=PATIENCE * 1000)


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    database_url: str
    world: panel.World
    #: Password that `newcomer` was given and must change.
    first_password: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("browser")
    database_url = f"sqlite:///{home / 'clarion.db'}"
    upgrade(database_url)
    engine = make_engine(database_url)
    world = panel.build(engine, contacts=12)
    with write_transaction(engine) as session:
        added = users.add_user(session, Actor.system(), login="newcomer", roles=["administration"])
    engine.dispose()
    port = free_range(3)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CLARION_")},
        "CLARION_HOME": str(home),
        "CLARION_DATABASE_URL": database_url,
        "CLARION_SECRET_KEY": panel.SECRET,
        "CLARION_WEB_BIND": f"127.0.0.1:{port}",
        "CLARION_STREAM_BIND": f"127.0.0.1:{port + 1}",
    }
    log = home / "web.log"
    server = processes.start([sys.executable, "-m", "app.cli", "web"], log, env=environment)
    try:
        for number in (port, port + 1):
            _wait_until_served(f"http://127.0.0.1:{number}/healthz", log)
        yield Site(f"http://127.0.0.1:{port}", database_url, world, added.password or "")
    finally:
        processes.stop(server, by=signal.SIGTERM, seconds=15.0)


def _wait_until_served(url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2.0):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{url} was not served within {PATIENCE:.0f} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: while it is open Playwright's event loop runs in this thread, and no asyncio test of
    another file could run beside it in the same worker."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1360, "height": 900}, accept_downloads=True)
    made.set_default_timeout(PATIENCE * 1000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that fails the test on script errors and on anything the content security policy refused."""
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield opened
    assert troubles == []


@pytest.fixture
def admin(page: Page, site: Site) -> Page:
    sign_in(page, site, "admin", panel.PASSWORD)
    return page


def sign_in(page: Page, site: Site, login: str, password: str) -> None:
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
