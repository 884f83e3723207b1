"""Who may not see numbers whole finds none, on whatever page or export they look."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import Address, AuditEntry, Contact, ImportReject, ImportRun
from app.security.access import Actor
from app.services import consents, dnc
from app.web.masking import masked
from common.clock import utcnow
from tests.support.panel import World

LINK = re.compile(r'(?:href|hx-get|src)="(/[^"#]*)"')
EMAIL = "bo.person@example.org"
WRITTEN = "(212) 555-0166"


def everything(client: FlaskClient) -> dict[str, str]:
    """Each page, fragment and export that links lead to from the dashboard, with its text."""
    found: dict[str, str] = {}
    waiting = ["/"]
    while waiting:
        path = unescape(waiting.pop())
        if path in found or path.startswith(("/static", "/live")):
            continue
        answer = client.get(path)
        found[path] = answer.text if answer.status_code == 200 else ""
        if answer.mimetype == "text/html":
            waiting += LINK.findall(found[path])
    return found


@pytest.fixture
def seeded(world: World, sqlite_engine: Engine) -> list[str]:
    """Numbers and emails that pages would show."""
    with write_transaction(sqlite_engine) as session:
        contact = session.get_one(Contact, world.contact_id)
        contact.attributes = {"work": "+12125550177", "mail": EMAIL}
        row = f"9,Bo,{WRITTEN},12125550188"
        run = ImportRun(
            organization_id=world.organization_id, contact_list_id=world.list_id, file_name="a.csv", state="completed",
            mapping={}, started_at=utcnow(), rows_rejected=1,
        )  # fmt: skip
        session.add(run)
        session.flush()
        session.add(ImportReject(import_run_id=run.id, line=2, field="phone1", reason=f"{WRITTEN} is none", row=row))
        root = Actor.system()
        subjects = [("phone", "+12125550101"), ("email", EMAIL)]
        dnc.add(session, root, subjects, organization_id=world.organization_id)
        fields = consents.ConsentFields("email", "marketing", "paper")
        consents.give(session, root, ("email", EMAIL), fields, world.organization_id)
    with read_transaction(sqlite_engine) as session:
        numbers = list(session.scalars(select(Address.value)))
    return [*(number.removeprefix("+") for number in numbers), "12125550177", EMAIL, WRITTEN, "12125550188"]


def test_a_supervisor_finds_no_number_on_any_page_or_export(
    signed_in: Callable[[str], FlaskClient], seeded: list[str], world: World
) -> None:
    pages = everything(signed_in("watcher"))
    leaks = [(path, value) for path, text in pages.items() for value in seeded if value in text]
    assert leaks == []
    assert f"/contacts/{world.contact_id}" in pages
    assert [path for path in pages if path.endswith(".csv")] != []
    assert "+1212*****01" in pages[f"/contacts/{world.contact_id}"]


def test_a_manager_sees_them_and_each_view_is_audited(
    signed_in: Callable[[str], FlaskClient], seeded: list[str], world: World, sqlite_engine: Engine
) -> None:
    page = f"/contacts/{world.contact_id}"
    admin, watcher = signed_in("admin"), signed_in("watcher")
    assert "+12125550101" in admin.get(page).text
    assert "+12125550101" in admin.get(page).text
    admin.get("/trunks/")
    watcher.get(page)
    with read_transaction(sqlite_engine) as session:
        views = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "numbers.view")).all()
    assert views == [{"page": page}, {"page": page}]


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T12:00:00+00:00", "1 234 567", "#0012345678", 'data-at="1767628800123"', "01m8b3wmndkgdnqjs8hjzmszwn"],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert masked(text) == text
