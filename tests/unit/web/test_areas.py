"""The areas of the panel, page by page."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import Address, Campaign, Contact, ContactList, ImportRun, ImportState, Job, Organization, User
from app.security.access import Actor
from app.services import dnc, importing
from app.services.contact_names import enter_names
from app.services.csv_text import csv_lines
from app.web.importer import Importer
from app.web.words import code_class, code_words
from common.clock import utcnow
from tests.support.panel import World

CSV = b"id,first_name,phone\nX1,Bo,+12125550111\nX2,Cy,call me\n"


_PAGES = """
/ /jobs/ /jobs/?state=ended /jobs/{job} /jobs/{job}/live /campaigns/ /campaigns/new /campaigns/{campaign}
/scripts/ /scripts/new /lists/ /lists/new /lists/{list} /lists/{list}/edit /contacts/ /contacts/?search=ann
/contacts/{contact} /contacts/{contact}/why /contacts/{contact}/attempts/{attempt}
/lists/{list}/excluded /contacts/{contact}/history
/sources/ /sources/new/{list} /dnc/ /consents/ /users/ /audit/ /account/password
"""


def upload(client: FlaskClient, world: World, content: bytes, name: str = "people.csv") -> str:
    """Where the person is led to."""
    answer = client.post(f"/lists/{world.list_id}/upload", data={"file": (BytesIO(content), name)})
    assert answer.status_code == 302
    return answer.location


@pytest.mark.parametrize(
    "path",
    _PAGES.split(),
)
def test_every_page_answers(admin: FlaskClient, world: World, path: str) -> None:
    names = {"job": world.job_id, "campaign": world.campaign_id, "list": world.list_id, "contact": world.contact_id}

    assert admin.get(path.format(**names, attempt=world.attempt_id)).status_code == 200


def test_shows_attributes_as_text_never_as_markup(admin: FlaskClient, world: World) -> None:
    page = admin.get(f"/contacts/{world.contact_id}").text

    assert "Ann &lt;&amp;&gt; Example" in page
    assert "Ann <&>" not in page


def test_imports_a_file_after_its_columns_were_confirmed(
    app: Flask, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    mapping = upload(admin, world, CSV)
    assert "call me" in admin.get(mapping).text
    with read_transaction(sqlite_engine) as session:
        assert session.scalars(select(ImportRun)).all() == []

    targets = {"target-0": "id", "target-1": "first_name", "target-2": "phone1"}
    run_page = admin.post(mapping, data=targets).location
    assert "hx-get" in admin.get(run_page).text
    assert Importer(sqlite_engine, app.config["CLARION"].home).work() == 1

    page = admin.get(run_page).text
    assert "Completed" in page
    assert "Error file" in page
    assert "call me" in admin.get(f"{run_page}/rejects.csv").text
    with read_transaction(sqlite_engine) as session:
        assert session.scalar(select(Contact).where(Contact.external_id == "X1")) is not None
    assert list((Path(app.config["CLARION"].home) / "uploads").iterdir()) == []
    assert "still being entered" in admin.get("/contacts/?search=Ann").text
    enter_names(sqlite_engine)
    assert "still being entered" not in admin.get("/contacts/?search=Ann").text


def test_the_error_file_is_mended_and_imported_without_saying_again_what_its_columns_are(
    app: Flask, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    targets = ("id", "first_name", "phone1")
    named = CSV.replace(b"id,first_name,phone", b"Code,Who,Dial")
    chosen = {f"target-{place}": target for place, target in enumerate(targets)}
    run_page = admin.post(upload(admin, world, named), data=chosen).location
    importer = Importer(sqlite_engine, app.config["CLARION"].home)
    importer.work()
    error_file = admin.get(f"{run_page}/rejects.csv").text
    assert error_file.startswith("line,field,reason,row,Code,Who,Dial\r\n3,Dial,")
    mended = error_file.replace("call me", "+12125550188") + "4,Dial,none,row,X3,Di,nobody\r\n"
    mapping = upload(admin, world, mended.encode())
    selects = re.findall(r'<select[^>]*name="target-\d".*?</select>', admin.get(mapping).text, re.DOTALL)
    selected = [(re.findall(r'value="([^"]*)"[^>]* selected', each) or [""])[0] for each in selects]
    assert selected == ["", "", "", "", *targets]
    run_page = admin.post(mapping, data={f"target-{place}": target for place, target in enumerate(selected)}).location
    run_id = int(run_page.rpartition("/")[2])
    importer.work()
    with read_transaction(sqlite_engine) as session:
        assert session.scalar(select(Address.id).where(Address.value == "+12125550188")) is not None
        again = "".join(importing.rejects_csv(session, Actor.system(), run_id))
        assert again.startswith("line,field,reason,row,Code,Who,Dial\r\n3,Dial,")
        assert again.endswith(",X3,Di,nobody\r\n")
        # A column that is masked for somebody is not in their error file.
        mine = ["line", "field", "reason", "row", "Code", "Dial"]
        known = importing.remembered_mapping(session, Actor.system(), world.list_id, mine)
        assert [known[column] for column in mine] == ["", "", "", "", "id", "phone1"]
        assert importing.remembered_mapping(session, Actor.system(), world.list_id, ["Code", "Dial"]) == {}


def test_says_what_is_wrong_with_the_columns(admin: FlaskClient, world: World) -> None:
    mapping = upload(admin, world, CSV)

    answer = admin.post(mapping, data={"target-0": "first_name", "target-2": "phone1"})

    assert answer.status_code == 422
    assert "no column is the id" in answer.text


def test_refuses_what_is_no_csv(admin: FlaskClient, world: World) -> None:
    mapping = upload(admin, world, b"PK\x03\x04" + bytes(200), "people.xlsx")

    answer = admin.get(mapping, follow_redirects=True)

    assert "people.xlsx cannot be imported" in answer.text


def test_taking_out_that_stands_still_can_go_on_or_be_undone(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        run = ImportRun(
            organization_id=world.organization_id, contact_list_id=world.list_id, file_name="all.csv", mapping={},
            state=ImportState.COMPLETED, mode="full", removal="taking", started_at=utcnow(), removed_at=utcnow(),
        )  # fmt: skip
        session.add(run)
        session.flush()
        run_id = run.id
    page = f"/lists/{world.list_id}/imports/{run_id}"
    shown = admin.get(page).text
    assert "Who is not in it is being taken out" in shown
    assert "Take them out" in shown
    assert "Put back whom it took out" in shown
    assert "Every row was taken" not in shown
    assert "Leave them in" not in shown
    admin.post(f"{page}/put-back")
    assert "Whom it took out was put back" in admin.get(page).text

    with write_transaction(sqlite_engine) as session:
        session.get_one(ImportRun, run_id).removal = "held"
    assert "Leave them in" in admin.get(page).text
    assert "Everybody stays in the list" in admin.post(f"{page}/leave-in", follow_redirects=True).text
    assert "holds nobody back" in admin.post(f"{page}/leave-in", follow_redirects=True).text


def test_cancels_an_import_that_waits(app: Flask, admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    run_page = admin.post(upload(admin, world, CSV), data={"target-0": "id", "target-2": "phone1"}).location

    admin.post(f"{run_page}/cancel")
    Importer(sqlite_engine, app.config["CLARION"].home).work()

    with read_transaction(sqlite_engine) as session:
        run = session.scalars(select(ImportRun)).one()
        assert (run.state, run.rows_added) == (ImportState.CANCELLED, 0)


def test_an_upload_belongs_to_who_made_it(app: Flask, admin: FlaskClient, world: World) -> None:
    mapping = upload(admin, world, CSV)
    form = {"login": "other", "name": "", "organization_id": "0", "roles": ["administration"]}
    given = admin.post("/users/", data=form).text.split('user-select-all">', 1)[1].split("<", 1)[0]
    other = app.test_client()
    other.post("/sign-in", data={"login": "other", "password": given})
    new = "a password of my own"
    other.post("/account/password", data={"current": given, "new": new, "again": new})

    assert admin.get(mapping).status_code == 200
    assert other.get(mapping).status_code == 404


def test_makes_and_deletes_a_list(admin: FlaskClient, sqlite_engine: Engine) -> None:
    made = admin.post("/lists/new", data={"name": "Debtors", "home_country": "de"})
    assert made.status_code == 302
    assert admin.post("/lists/new", data={"name": "Debtors", "home_country": "de"}).status_code == 422

    admin.post(f"{made.location}/delete")

    with read_transaction(sqlite_engine) as session:
        assert session.scalar(select(ContactList).where(ContactList.name == "Debtors")) is None


def test_puts_a_campaign_s_fault_at_its_field(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    with read_transaction(sqlite_engine) as session:
        campaign = session.get_one(Campaign, world.campaign_id)
    form = {
        "name": "Other",
        "contact_list_id": campaign.contact_list_id,
        "strategy_id": campaign.strategy_id,
        "calling_window_id": campaign.calling_window_id,
        "trunk_id": campaign.trunk_id,
        "caller_id": "+12125550100",
        "says": "message",
        "message": "Hello",
        "pacing": "ports",
        "ports": "",
        "per": "second",
    }
    answer = admin.post("/campaigns/new", data=form)
    assert answer.status_code == 422
    assert "give a whole number from 1 to 1,000,000" in answer.text
    answer = admin.post("/campaigns/new", data={**form, "ports": "5", "reserved": "6"})
    assert answer.status_code == 422
    assert "give 5 or less, as “Calls at a time” says, or raise “Calls at a time”" in answer.text

    listens = {**form, "ports": "5", "classify": "before", "on_machine": "hang_up", "profile": "quick"}
    answer = admin.post("/campaigns/new", data={**listens, "figure_pause": "9", "figure_floor": "soft"})
    assert answer.status_code == 422
    assert "Give 0.2 to 3 s, or nothing." in answer.text
    assert "Give -65 to -20 dBFS, or nothing." in answer.text
    answer = admin.post("/campaigns/new", data={**listens, "figure_short_speech": "2.5"})
    assert "give at most 2 s, the longest greeting of a person" in answer.text

    made = admin.post("/campaigns/new", data={**listens, "figure_pause": "0,9", "decide_within": "12"})
    assert made.status_code == 302
    with read_transaction(sqlite_engine) as session:
        campaign = session.scalars(select(Campaign).order_by(Campaign.id.desc())).first()
    assert campaign is not None
    assert campaign.answer == {
        "mode": "before",
        "on_machine": "hang_up",
        "silence_detection": False,
        "profile": "quick",
        "timeout": 12.0,
        "figures": {"pause": 0.9},
    }
    assert 'value="0.9"' in admin.get(f"/campaigns/{campaign.id}").text


def test_a_second_start_is_refused_with_its_reason(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    answer = admin.post(f"/campaigns/{world.campaign_id}/start", follow_redirects=True)

    assert f"has job {world.job_id} going already" in answer.text
    with read_transaction(sqlite_engine) as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_a_supervisor_pauses_and_resumes(signed_in: Callable[[str], FlaskClient], world: World) -> None:
    watcher = signed_in("watcher")

    assert "Pausing" in watcher.post(f"/jobs/{world.job_id}/pause", follow_redirects=True).text
    assert "Running" in watcher.post(f"/jobs/{world.job_id}/resume", follow_redirects=True).text
    assert watcher.post(f"/jobs/{world.job_id}/explode").status_code == 404


def test_exports_attempts_with_the_customers_ids(admin: FlaskClient, world: World) -> None:
    lines = admin.get(f"/jobs/{world.job_id}/attempts.csv").text.splitlines()

    assert len(lines) == 4
    assert lines[0].startswith("external_id,id,contact_id")
    assert any(line.startswith("C001,") for line in lines)


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("+12125550101", "+12125550101"), ("+1+1", "'+1+1"), ("plain", "plain")],
)
def test_no_exported_cell_is_a_formula(cell: str, written: str) -> None:
    assert csv_lines([[cell]]).rstrip() == written


def test_exports_a_do_not_call_list_and_the_audit_trail(admin: FlaskClient, world: World) -> None:
    admin.post("/dnc/", data={"kind": "phone", "value": "+12125550177", "proof": "=said so"})
    page = admin.get("/dnc/").text
    link = re.search(r"/dnc/\d+/entries\.csv", page)

    assert link
    header, *entries = admin.get(link.group()).text.splitlines()
    assert header == "kind,value,since,until,until_day,source,proof"
    assert any(line.startswith("phone,+12125550177,") and line.endswith(",panel,'=said so") for line in entries)
    assert "/audit/entries.csv" in admin.get("/audit/").text
    trail = admin.get("/audit/entries.csv?kind=dnc_list").text.splitlines()
    assert [line.split(",")[2] for line in trail[1:]] == ["dnc_list.export", "dnc.add", "dnc.create_list"]


def test_adds_and_removes_a_do_not_call_entry(admin: FlaskClient) -> None:
    admin.post("/dnc/", data={"kind": "phone", "value": "+12125550177", "proof": "wrote a letter"})
    page = admin.get("/dnc/").text
    assert "+12125550177" in page

    entry = page.split('action="/dnc/', 1)[1].split("/", 1)[0]
    admin.post(f"/dnc/{entry}/remove")

    assert "+12125550177" not in admin.get("/dnc/").text


def test_says_how_to_write_a_number(admin: FlaskClient) -> None:
    answer = admin.post("/dnc/", data={"kind": "phone", "value": "12"})

    assert answer.status_code == 422


def test_lists_a_whole_person(admin: FlaskClient, world: World) -> None:
    answer = admin.post(f"/contacts/{world.contact_id}/dnc", follow_redirects=True)

    assert "for ever" in answer.text
    assert "do-not-call list" in admin.get(f"/contacts/{world.contact_id}/why").text


def test_shows_a_new_user_s_password_once(admin: FlaskClient, app: Flask, sqlite_engine: Engine) -> None:
    form = {"login": "helper", "name": "Helper", "organization_id": "0", "roles": ["supervisor"]}
    answer = admin.post("/users/", data=form)

    assert answer.status_code == 200
    password = answer.text.split('user-select-all">', 1)[1].split("<", 1)[0]
    assert password not in admin.get("/users/").text
    assert app.test_client().post("/sign-in", data={"login": "helper", "password": password}).status_code == 302
    with read_transaction(sqlite_engine) as session:
        assert session.scalar(select(User.must_change_password).where(User.login == "helper"))


def test_disables_a_user_at_once(signed_in: Callable[[str], FlaskClient], sqlite_engine: Engine) -> None:
    admin, watcher = signed_in("admin"), signed_in("watcher")
    with read_transaction(sqlite_engine) as session:
        user_id = session.scalar(select(User.id).where(User.login == "watcher"))

    admin.post(f"/users/{user_id}/disable")

    assert watcher.get("/").status_code == 302


def test_writes_codes_as_people_read_them() -> None:
    assert code_words("RING_NO_ANSWER") == "Ring no answer"
    assert code_words("SMS_DELIVERED") == "SMS delivered"
    assert code_words("IN_DNC_LIST") == "In DNC list"
    assert code_class("SMS_DELIVERED") == "is-good"
    assert code_class("INVALID_NUMBER") == "is-bad"
    assert code_class("PAID", success=True) == "is-good"


def test_asks_who_sees_several_organizations_which_one(admin: FlaskClient, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        other = Organization(name="Second", created_at=utcnow())
        session.add(other)
        session.flush()
        second = other.id
    assert 'name="organization_id"' in admin.get("/scripts/new").text

    admin.post("/lists/new", data={"name": "Theirs", "home_country": "US", "organization_id": second})
    admin.post("/dnc/", data={"kind": "phone", "value": "+12125550177", "organization_id": second})

    with read_transaction(sqlite_engine) as session:
        made = session.scalars(select(ContactList).where(ContactList.name == "Theirs")).one()
        assert made.organization_id == second
        assert dnc.is_listed(session, second, "phone", "+12125550177")


def test_asks_nobody_who_has_one_organization(admin: FlaskClient) -> None:
    assert 'name="organization_id"' not in admin.get("/lists/new").text


def test_whoever_is_excluded_is_shown_and_reset(admin: FlaskClient, world: World) -> None:
    page = f"/contacts/{world.contact_id}"
    assert b"is excluded" in admin.post(f"{page}/exclusion", data={"what": "exclude"}, follow_redirects=True).data
    assert "From the calling of all campaigns" in admin.get(page).text
    assert page in admin.get(f"/lists/{world.list_id}/excluded").text
    admin.post(f"/lists/{world.list_id}/excluded/reset", data={"campaign": ""})
    assert page not in admin.get(f"/lists/{world.list_id}/excluded").text
    named = {"what": "exclude", "who": "nobody\n+1 202", "campaign": str(world.campaign_id)}
    answer = admin.post(f"/lists/{world.list_id}/excluded", data=named, follow_redirects=True)
    assert "nobody is no contact of this list" in answer.text
