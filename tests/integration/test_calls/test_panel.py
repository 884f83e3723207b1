"""Test calls asked for in the panel, on real processes: to the phone and back to the page."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.db import make_engine, read_transaction, upgrade, write_transaction
from app.models import CallingWindow, Organization, Role, TestCall, Trunk
from app.security.access import Actor
from app.services import scripts, users
from common.clock import utcnow
from simulators.carrier.journal import rings_by_attempt
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, Installation, installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

PASSWORD = "five green bottles"
VISIT = Path(__file__).parents[1] / "crash" / "campaign" / "visit.vxml"
PRESSES_ONE, RINGS_FOR_EVER = "+12025550134", "+12025550102"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(slots=True)
class Browser:
    """A person at the panel."""

    base: str
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    )

    def get(self, path: str) -> str:
        with self.opener.open(urllib.parse.urljoin(self.base, path), timeout=60) as answer:
            return str(answer.read().decode())

    def post(self, path: str, page: str, **values: str) -> str:
        """Send a form found on `page`; where it led to."""
        token = _TOKEN.search(self.get(page))
        assert token is not None
        body = urllib.parse.urlencode({**values, "csrf_token": token[1]}).encode()
        with self.opener.open(urllib.parse.urljoin(self.base, path), body, timeout=60) as answer:
            return urllib.parse.urlsplit(answer.url).path


@dataclass(slots=True)
class Panel:
    """A running installation with a draft of a script, and its page in the panel."""

    clarion: Installation
    engine: Engine
    browser: Browser
    revision: str
    trunk_id: int
    window_id: int

    def call(self, number: str, until: str) -> str:
        """The page of a test call that has come so far; again where the media server had no room for it."""
        while True:
            page = self._call(number)
            shown = []
            self.clarion.wait_for(
                f"{until!r} on the page",
                lambda page=page, shown=shown: (
                    shown.append(self.browser.get(f"{page}/live")) or until in shown[-1] or "NO_PORTS" in shown[-1]
                ),
                90,
            )
            if until in shown[-1]:
                return page

    def _call(self, number: str) -> str:
        return self.browser.post(
            f"{self.revision}/test-calls",
            self.revision,
            number=number,
            sender="+15550100000",
            trunk_id=str(self.trunk_id),
            calling_window_id=str(self.window_id),
            values="first_name=Ana",
        )

    def row(self, page: str) -> TestCall:
        with read_transaction(self.engine) as session:
            found = session.get_one(TestCall, page.rpartition("/")[2])
            session.expunge(found)
        return found

    def wait_for_page(self, page: str, words: str, seconds: float = 90.0) -> str:
        self.clarion.wait_for(f"{words!r} on the page", lambda: words in self.browser.get(f"{page}/live"), seconds)
        return self.browser.get(f"{page}/live")

    def rings(self, page: str) -> int:
        return rings_by_attempt(self.clarion.journal).get(page.rpartition("/")[2], 0)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    home = tmp_path_factory.mktemp("installation")
    url = f"sqlite:///{home / 'clarion.db'}"
    with installation(home, url) as clarion:
        upgrade(url)
        engine = make_engine(url)
        try:
            made = furnish(engine, clarion)
            clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE)
            made.browser.post("/sign-in", "/sign-in", login="admin", password=PASSWORD)
            yield made
        finally:
            engine.dispose()


def furnish(engine: Engine, clarion: Installation) -> Panel:
    actor = Actor.system()
    host, _, port = clarion.at.carrier_sip.rpartition(":")
    with write_transaction(engine) as session:
        organization = Organization(name="Test", created_at=utcnow())
        session.add(organization)
        session.flush()
        users.add_user(session, actor, login="admin", roles=[Role.ADMINISTRATION], password=PASSWORD)
        script = scripts.create_script(session, actor, "Visit", "", organization.id)
        revision = scripts.upload_revision(session, actor, script.id, scripts.prepare(VISIT.name, VISIT.read_bytes()))
        window = CallingWindow(organization_id=organization.id, name="Always", hours={}, always_open=True)
        trunk = Trunk(name="Simulated carrier", host=host, port=int(port), simulated=True)
        session.add_all([window, trunk])
        session.flush()
        page = f"/scripts/{script.id}/revisions/{revision.id}"
        return Panel(clarion, engine, Browser(f"http://{clarion.at.web}"), page, trunk.id, window.id)


def test_a_draft_is_heard_and_its_result_is_on_the_page(panel: Panel) -> None:
    page = panel.call(PRESSES_ONE, "exit: answer")
    shown = panel.browser.get(f"{page}/live")
    row = panel.row(page)
    assert row.completion_code == "ANSWER_HUMAN"
    assert row.result is not None
    assert row.result["dtmf"] == "1"
    assert "INVITE" in shown
    assert 'class="lane is-vxml"' in shown
    assert "hx-trigger" not in shown
    assert panel.rings(page) == 1


def test_a_call_that_rings_can_be_cancelled_from_its_page(panel: Panel) -> None:
    page = panel.call(RINGS_FOR_EVER, "Ringing")
    panel.browser.post(f"{page}/cancel", page)
    panel.wait_for_page(page, "CANCELLED_BY_SYSTEM")
    assert panel.row(page).reason == "cancelled by a person"
    assert panel.rings(page) == 1


def test_after_a_crash_of_engine_and_media_server_it_ends_unknown_and_is_not_redialled(panel: Panel) -> None:
    page = panel.call(RINGS_FOR_EVER, "Ringing")
    panel.clarion.kill(ENGINE)
    panel.clarion.kill(MEDIASERVER)
    panel.clarion.start(MEDIASERVER, ENGINE)
    panel.wait_for_page(page, "OUTCOME_UNKNOWN")
    panel.call(PRESSES_ONE, "exit: answer")
    assert panel.rings(page) == 1
