"""Who may not see numbers whole finds none, on whatever page or export they look."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    Attribute,
    AuditEntry,
    CallingWindow,
    Contact,
    ImportReject,
    ImportRun,
    Role,
    User,
)
from app.security.access import Actor
from app.services import consents, dnc
from common.clock import utcnow
from common.masking import mask_personal
from common.setting_types import Reason
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
        session.execute(update(Attempt).values(dialled="77#12125550101"))
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
    assert "dialled **#*********01" in pages[f"/contacts/{world.contact_id}"]
    # A small place would tell hidden digits.
    assert [path for path, text in pages.items() if "New York, NY" in text or "phone1_region" in text] == []


def test_a_manager_sees_them_and_each_view_is_audited(
    signed_in: Callable[[str], FlaskClient], seeded: list[str], world: World, sqlite_engine: Engine
) -> None:
    page = f"/contacts/{world.contact_id}"
    admin, watcher = signed_in("admin"), signed_in("watcher")
    assert "+12125550101" in admin.get(page).text
    assert "New York, NY" in admin.get(page).text
    exported = admin.get(f"/lists/{world.list_id}/contacts.csv").text
    assert ",phone1,phone1_region,phone1_carrier\r\n" in exported
    assert ',+12125550101,"New York, NY",\r\n' in exported
    admin.get("/trunks/")
    watcher.get(page)
    with read_transaction(sqlite_engine) as session:
        views = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "numbers.view")).all()
    assert views == [{"page": page}, {"page": page}]


def test_why_a_window_is_closed_names_the_place_for_those_who_see_numbers(
    signed_in: Callable[[str], FlaskClient], world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        session.execute(update(CallingWindow).values(always_open=False))
    page = f"/contacts/{world.contact_id}/why"
    assert "Phone1 (New York, NY): " in signed_in("admin").get(page).text
    assert "Phone1: " in signed_in("watcher").get(page).text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+44 20 7946 0018", "+** ** **** **18"),
        ("+1 (312) 555-0143", "+* (***) ***-**43"),
        ("&#43;4915123456789", "+4915*******89"),
        ("+49.151.234-567;next", "+**.***.***-*67;next"),
    ],
)
def test_a_number_is_masked_however_it_is_written(text: str, shown: str) -> None:
    assert mask_personal(text) == shown


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T12:00:00+00:00", "1 234 567", "#0012345678", 'data-at="1767628800123"', "01m8b3wmndkgdnqjs8hjzmszwn"],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert mask_personal(text) == text


@pytest.fixture
def revealing(signed_in: Callable[[str], FlaskClient], world: World, sqlite_engine: Engine) -> FlaskClient:
    """A supervisor who may reveal one at a time."""
    with write_transaction(sqlite_engine) as session:
        user = session.scalars(select(User).where(User.login == "watcher")).one()
        user.roles = [*user.roles, Role.NUMBERS_REVEAL.value]
    return signed_in("watcher")


def test_one_number_is_revealed_noted_and_hidden_again(
    revealing: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    page = revealing.get(f"/contacts/{world.contact_id}").text
    assert "+12125550101" not in page
    (path,) = set(re.findall(r'hx-get="(/reveal/address/\d+)"', page))
    hx = {"HX-Request": "true"}
    assert "+1212*****01" in (asked := revealing.get(path, headers=hx).text)
    assert "Reason (optional)" in asked

    shown = revealing.post(path, data={"reason": "wrong number?"}, headers=hx)

    assert "+12125550101" in shown.text
    assert 'hx-trigger="load delay:30s"' in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    hidden = revealing.get(f"{path}/hidden", headers=hx).text
    assert "+12125550101" not in hidden
    assert path in hidden
    assert "+12125550101" in revealing.post(path).text  # without scripts: a page
    with read_transaction(sqlite_engine) as session:
        notes = session.scalars(select(AuditEntry).where(AuditEntry.action == "numbers.reveal")).all()
    assert [(note.kind, note.object_id, (note.after or {})["reason"]) for note in notes] == [
        ("contact", str(world.contact_id), "wrong number?"),
        ("contact", str(world.contact_id), ""),
    ]
    assert (notes[0].after or {})["value"] == "+1212*****01"


def test_attempts_and_entries_are_revealed_too_and_nothing_else(
    revealing: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        dnc.add(session, Actor.system(), [("email", EMAIL)], organization_id=world.organization_id)
    assert "+12125550101" in revealing.post(f"/reveal/attempt/{world.attempt_id}").text
    assert EMAIL in revealing.post("/reveal/entry/1").text
    for path in ("/reveal/address/999", "/reveal/address/x", "/reveal/user/1"):
        assert revealing.post(path).status_code == 404


@pytest.fixture
def hidden_data(world: World, sqlite_engine: Engine) -> int:
    """A contact's attributes and a rejected row, each with a number and with a masked attribute; the row's id."""
    with write_transaction(sqlite_engine) as session:
        session.add(Attribute(organization_id=world.organization_id, name="pin", masked=True))
        contact = session.get_one(Contact, world.contact_id)
        contact.attributes = {"pin": "7704", "note": f"mail {EMAIL}", "town": "Oslo"}
        columns = ["Key", "Name", "Phone", "Pin"]
        run = ImportRun(
            organization_id=world.organization_id, contact_list_id=world.list_id, file_name="a.csv", state="completed",
            mapping={"Phone": "phone1", "Pin": "pin", "Key": "id", "Name": "first_name"}, delimiter=",",
            understood={"columns": columns}, started_at=utcnow(), rows_rejected=1,
        )  # fmt: skip
        session.add(run)
        session.flush()
        session.add_all(
            [
                ImportReject(import_run_id=run.id, line=2, reason="is none", row=f'9,"Bo, jr",{WRITTEN},7704\r\n'),
                ImportReject(import_run_id=run.id, line=3, reason="has 3 columns", row="9,Bo,7704"),
                ImportReject(import_run_id=run.id, line=4, reason="too long", row="8,Al,020 7946 0018,"),
            ]
        )
        return run.id


def give(engine: Engine, *roles: Role) -> None:
    with write_transaction(engine) as session:
        user = session.scalars(select(User).where(User.login == "watcher")).one()
        user.roles = [*user.roles, *roles]


def test_numbers_in_attributes_and_rejected_rows_are_revealed_and_masked_attributes_are_not(
    revealing: FlaskClient, world: World, hidden_data: int, sqlite_engine: Engine
) -> None:
    note, pin = (f"/reveal/attribute/{world.contact_id}-{name}" for name in ("note", "pin"))
    page = revealing.get(f"/contacts/{world.contact_id}").text
    assert f'hx-get="{note}" hx-target="closest .revealable" hx-swap="outerHTML" aria-label="Reveal note"' in page
    assert set(re.findall(r'hx-get="(/reveal/attribute/[^"]+)"', page)) == {note}
    shown = revealing.post(note, data={"reason": "asked for it"}).text
    assert f"mail {EMAIL}" in shown
    assert "mail b***@example.org" in revealing.get(f"{note}/hidden").text
    assert revealing.post(pin).status_code == 403
    assert revealing.get(pin).status_code == 403
    for unknown in ("none", "", "-pin"):
        assert revealing.post(f"/reveal/attribute/{world.contact_id}-{unknown}").status_code == 404

    rejects = revealing.get(f"/lists/{world.list_id}/imports/{hidden_data}").text
    rows = list(dict.fromkeys(re.findall(r'hx-get="(/reveal/reject/\d+)"', rejects)))
    assert ["8,Al,020 7946 0018," in revealing.post(row).text for row in rows] == [False, True]
    assert "8,Al,*** **** **18," in revealing.get(f"{rows[1]}/hidden").text
    assert "8,Al,*** **** **18," in rejects
    whole = unescape(revealing.post(rows[0]).text)
    assert f'9,"Bo, jr",{WRITTEN},********' in whole
    with read_transaction(sqlite_engine) as session:
        notes = session.scalars(select(AuditEntry).where(AuditEntry.action == "numbers.reveal")).all()
    told = [(each.kind, each.object_id, each.after) for each in notes]
    by = {"by": "watcher", "value": ""}
    assert told == [
        ("contact", str(world.contact_id), {"what": "attribute.note", "reason": "asked for it", **by}),
        *(("import_run", str(hidden_data), {"what": f"line {line}", "reason": "", **by}) for line in (2, 4, 2)),
    ]


def test_masked_attributes_are_revealed_by_a_role_of_their_own(
    signed_in: Callable[[str], FlaskClient], world: World, hidden_data: int, sqlite_engine: Engine
) -> None:
    give(sqlite_engine, Role.ATTRIBUTES_REVEAL)
    client = signed_in("watcher")
    pin = f"/reveal/attribute/{world.contact_id}-pin"
    page = client.get(f"/contacts/{world.contact_id}").text
    assert "7704" not in page
    assert pin in page
    assert "7704" in client.post(pin).text
    assert "7704" not in client.get(f"{pin}/hidden").text
    rejects = client.get(f"/lists/{world.list_id}/imports/{hidden_data}").text
    assert "7704" not in rejects
    rows = sorted(set(re.findall(r'hx-get="(/reveal/reject/\d+)"', rejects)))
    assert [WRITTEN in client.post(row).text for row in rows] == [True, False, False]
    assert ["7704" in client.post(row).text for row in rows] == [True, True, False]


def test_masked_attributes_stand_in_no_rejected_row_for_who_may_not_see_them(
    admin: FlaskClient, world: World, hidden_data: int, sqlite_engine: Engine
) -> None:
    here = f"/lists/{world.list_id}/imports/{hidden_data}"
    for text in (admin.get(here).text, admin.get(f"{here}/rejects.csv").text):
        assert "7704" not in text
        assert WRITTEN in text
    with write_transaction(sqlite_engine) as session:
        run = session.get_one(ImportRun, hidden_data)
        run.understood = {"columns": ["line", "field", "reason", "row", *run.understood["columns"]]}
        row = f'2,,"is none","9,Bo,{WRITTEN},7704",9,Bo,{WRITTEN},7704'
        session.execute(update(ImportReject).where(ImportReject.line == 2).values(row=row))
    # An error file that was imported has rejected rows in its rows.
    assert "7704" not in (text := admin.get(f"{here}/rejects.csv").text)
    assert f"2,,is none,********,9,Bo,{WRITTEN},********" in text
    # What covers a cell would be imported.
    assert admin.get(f"{here}/rejects.csv").text.startswith("line,field,reason,row,Key,Name,Phone\r\n")
    assert "/reveal/" not in admin.get(here).text
    assert admin.post(f"/reveal/attribute/{world.contact_id}-pin").status_code == 403
    assert "7704" not in admin.post("/reveal/reject/1").text


def test_a_reason_may_be_insisted_on(
    revealing: FlaskClient, app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.config["CLARION"]
    web = replace(settings.web, reveal_reason=Reason.REQUIRED)
    monkeypatch.setitem(app.config, "CLARION", replace(settings, web=web))
    refused = revealing.post("/reveal/address/1", data={"reason": " "})
    assert refused.status_code == 422
    assert "say why" in refused.text
    assert "+12125550101" not in refused.text
    assert "+12125550101" in revealing.post("/reveal/address/1", data={"reason": "callback"}).text


def test_who_may_not_reveal_has_no_button_and_the_trail_shows_reveals_alone(
    signed_in: Callable[[str], FlaskClient], revealing: FlaskClient, world: World
) -> None:
    revealing.post("/reveal/address/1")
    admin = signed_in("admin")
    assert "/reveal/" not in admin.get(f"/contacts/{world.contact_id}").text
    trail = admin.get("/audit/?kind=numbers.reveal").text
    assert "numbers.reveal" in trail
    assert 'class="mono">numbers.view' not in trail
    assert len(admin.get("/audit/entries.csv?kind=numbers.reveal").text.splitlines()) == 2


def test_a_plain_supervisor_reveals_nothing(signed_in: Callable[[str], FlaskClient], world: World) -> None:
    watcher = signed_in("watcher")
    assert "/reveal/" not in watcher.get(f"/contacts/{world.contact_id}").text
    assert watcher.post("/reveal/address/1").status_code == 403


def test_retention_is_counted_before_it_is_kept(admin: FlaskClient) -> None:
    counted = admin.post("/privacy/retention", data={"contacts": "60", "traces": "1", "count": "yes"}).text
    assert "They are not kept yet." in counted
    assert counted.count("Kept for ever") == 7
    assert "60 days at least" in admin.post("/privacy/retention", data={"contacts": "59", "count": "yes"}).text
    admin.post("/privacy/retention", data={"contacts": "60"})
    assert admin.get("/privacy/retention").text.count("Kept for ever") == 6
