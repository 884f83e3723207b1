"""Consent on a contact's page in the panel."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import ConsentEvent, Organization
from app.security.access import Actor
from app.services import consents, dnc, dnc_values
from app.services.consents import ConsentFields
from app.services.number_formats import put_number_defaults
from app.web.file_taker import FileTaker
from app.web.panel import large_files
from common.clock import utcnow
from common.settings import Settings
from tests.support.panel import World


def test_consent_is_entered_with_evidence_and_taken_back(admin: FlaskClient, world: World) -> None:
    path = f"/contacts/{world.contact_id}/consents"
    assert "Nothing entered" in admin.get(path).text
    form = {"act": "given", "channel": "voice", "purpose": "marketing", "source": "paper", "text_shown": "I <agree>"}
    sent = admin.post(path, data={**form, "evidence": (BytesIO(b"scan"), "scan.pdf")})
    assert sent.status_code == 302
    page = admin.get(path).text
    assert "I &lt;agree&gt;" in page
    proof = admin.get(f"{path}/evidence/1")
    assert (proof.data, proof.headers["Content-Type"]) == (b"scan", "application/octet-stream")
    assert "attachment" in proof.headers["Content-Disposition"]
    admin.post(path, data={**form, "act": "revoked"})
    assert "Taken back" in admin.get(path).text


def test_says_at_the_field_what_is_missing(admin: FlaskClient, world: World) -> None:
    answer = admin.post(f"/contacts/{world.contact_id}/consents", data={"act": "given", "channel": "voice"})
    assert answer.status_code == 422
    assert "Say what for." in answer.text


FILE = (
    b"phone,channel,purpose,act,at,source,evidence\n"
    b"+12125550101,voice+sms,marketing,given,2026-01-05,web form,form.pdf\n"
    b"12,voice,marketing,given,2026-01-05,web form,\n"
)


def packed() -> BytesIO:
    body = BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("../scans/form.pdf", b"%PDF")
    body.seek(0)
    return body


def test_a_file_is_counted_first_then_taken_with_its_evidence(admin: FlaskClient) -> None:
    def post(**more: object) -> str:
        data = {"file": (BytesIO(FILE), "consents.csv"), "home_country": "US", **more}
        return admin.post("/consents/", data=data, follow_redirects=True).text

    assert "form.pdf is neither in the zip" in post(count="yes")
    counted = post(proofs=(packed(), "scans.zip"), count="yes")
    assert "2 lines read, 2 given, 0 taken back, 0 in the ledger already, 1 rejected" in counted
    assert "Line 3: " in counted
    assert "No files yet" in counted
    assert "2 given" in post(proofs=(packed(), "scans.zip"))
    assert "0 given, 0 taken back, 2 in the ledger already" in post(proofs=(packed(), "scans.zip"))
    page = admin.get("/consents/?kind=phone&value=%2B12125550101").text
    assert page.count("Given</span>") == 2
    assert admin.get("/consents/evidence/1").data == b"%PDF"
    assert "3,+12125550101" not in admin.get("/consents/files/1/rejects.csv").text
    assert admin.get("/consents/entries.csv").text.count("form.pdf") == 2


def test_says_at_the_file_what_is_wrong_with_it(admin: FlaskClient) -> None:
    answer = admin.post("/consents/", data={"file": (BytesIO(b"a,b\n1,2\n"), "x.csv"), "home_country": "US"})
    assert answer.status_code == 422
    assert "no column is channel" in answer.text


def test_who_sees_several_organizations_looks_a_person_up_in_one(admin: FlaskClient, sqlite_engine: Engine) -> None:
    assert 'name="organization"' not in admin.get("/consents/").text
    with write_transaction(sqlite_engine) as session:
        other = Organization(name="Second", created_at=utcnow())
        session.add(other)
        session.flush()
        second = other.id
        fields = ConsentFields("voice", "marketing", "paper")
        consents.give(session, Actor.system(), ("phone", "+12125550177"), fields, second)
    assert 'aria-label="Organization"' in admin.get("/consents/").text
    path = "/consents/?kind=phone&value=%2B12125550177&organization={}"
    found = admin.get(path.format(second)).text
    assert f'<option value="{second}" selected>Second</option>' in found
    assert "Given</span>" in found
    assert "Nothing entered" in admin.get(path.format(1)).text


def test_numbers_of_a_file_are_of_the_organizations_own_country_unless_it_says_another(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        put_number_defaults(session, Actor.system(), "GB", "", world.organization_id)
    assert re.search(r'name="home_country"[^>]*value="GB"', admin.get("/consents/").text)
    number = b"phone,channel,purpose,act,at,source\n2079460958,voice,marketing,given,2026-01-05,call\n"
    assert admin.post("/consents/", data={"file": (BytesIO(number), "own.csv")}).status_code == 302
    with read_transaction(sqlite_engine) as session:
        assert session.scalar(select(ConsentEvent.value)) == "+442079460958"
        listed = [("phone", "2079460958")]
        assert dnc_values.check(session, Actor.system(world.organization_id), listed) == [False]
    with write_transaction(sqlite_engine) as session:
        dnc.add(session, Actor.system(), listed, organization_id=world.organization_id)
        assert dnc_values.check(session, Actor.system(world.organization_id), [("phone", "+442079460958")]) == [True]


def test_large_files_are_taken_in_the_background_and_can_be_cancelled(
    admin: FlaskClient, sqlite_engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_files, "AT_ONCE", 10)
    taker = FileTaker(sqlite_engine, settings.home)
    data = {"file": (BytesIO(FILE), "consents.csv"), "proofs": (packed(), "evidence.zip")}
    assert "being taken in the background" in admin.post("/consents/", data=data, follow_redirects=True).text
    assert "Waits for its turn" in admin.get("/consents/files").text
    assert taker.work() == 1
    table = admin.get("/consents/files").text
    assert "Completed" in table
    assert "hx-get" not in table
    admin.post("/consents/", data={"file": (BytesIO(FILE), "again.csv"), "count": "1"})
    assert "It stops" in admin.post("/consents/files/2/cancel", follow_redirects=True).text
    taker.work()
    assert "only counted, nothing taken" in admin.get("/consents/files").text
    assert "cancelled already" in admin.post("/consents/files/2/cancel", follow_redirects=True).text

    admin.post("/dnc/lists", data={"name": "Many"})
    entries = {"file": (BytesIO(b"+12125550199\n"), "many.txt"), "form": "numbers", "action": "add"}
    page = admin.post("/dnc/lists/1/files", data=entries, follow_redirects=True).text
    assert 'hx-get="/dnc/lists/1/files"' in page
    taker.work()
    assert "Completed" in admin.get("/dnc/lists/1/files", headers={"HX-Request": "true"}).text
    assert "completed already" in admin.post("/dnc/lists/1/files/1/cancel", follow_redirects=True).text
    assert list((settings.home / "files").iterdir()) == []
