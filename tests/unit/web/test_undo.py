"""What was deleted comes back as it was, for who deleted it and where nothing else has taken its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import AuditEntry, CompletionCode, Contact, DncEntry, HolidayRow, KeptDeletion, Trunk
from app.models.base import Base
from common.clock import utcnow
from tests.support.panel import World

TRUNK = {"name": "Spare", "host": "10.0.0.9", "port": "5060", "transport": "udp", "line": "native"}
TRUNK |= {"max_channels": "5", "calls_per_second": "1", "username": "me", "password": "secret-word"}


def rows(engine: Engine, model: type[Base]) -> list[dict[str, object]]:
    with read_transaction(engine) as session:
        found = session.scalars(select(model).order_by(model.__table__.c.id))
        return [{column.name: getattr(row, column.name) for column in model.__table__.columns} for row in found]


def token_on(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found.group(1)


def made(admin: FlaskClient, engine: Engine, model: type[Base], path: str, form: dict[str, str]) -> int:
    before = [row["id"] for row in rows(engine, model)]
    answer = admin.post(path, data={**form, "organization_id": "1"})
    (added,) = [row["id"] for row in rows(engine, model) if row["id"] not in before]
    assert answer.status_code == 302
    assert isinstance(added, int)
    return added


@pytest.mark.parametrize(
    ("model", "form", "make", "delete"),
    [
        (Trunk, TRUNK, "/trunks/new", "/trunks/{}/delete"),
        (CompletionCode, {"name": "PROMISED", "description": "=later"}, "/codes/new", "/codes/{}/delete"),
        (DncEntry, {"kind": "phone", "value": "+12125550177", "proof": "said so"}, "/dnc/", "/dnc/{}/remove"),
        (HolidayRow, {"name": "Fair", "day": "2027-05-01"}, "/calendars/holidays", "/calendars/holidays/{}/remove"),
    ],
)
def test_a_deletion_is_undone_to_the_letter(
    admin: FlaskClient, sqlite_engine: Engine, model: type[Base], form: dict[str, str], make: str, delete: str
) -> None:
    key = made(admin, sqlite_engine, model, make, form)
    before = rows(sqlite_engine, model)
    page = admin.post(delete.format(key), follow_redirects=True).text
    assert len(rows(sqlite_engine, model)) == len(before) - 1

    answer = admin.post("/undo/", data={"token": token_on(page)}, follow_redirects=True)

    assert "It is back as it was." in answer.text
    assert rows(sqlite_engine, model) == before
    with read_transaction(sqlite_engine) as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last is not None
    assert last.action == f"{model.__tablename__}.restore"


def test_only_who_deleted_it_undoes_it_and_only_once(
    admin: FlaskClient, signed_in: Callable[[str], FlaskClient], sqlite_engine: Engine, world: World
) -> None:
    key = made(admin, sqlite_engine, CompletionCode, "/codes/new", {"name": "PROMISED"})
    token = token_on(admin.post(f"/codes/{key}/delete", follow_redirects=True).text)

    for nobody, word in ((signed_in("watcher"), token), (admin, ""), (admin, "forged" + token)):
        assert "too late" in nobody.post("/undo/", data={"token": word}, follow_redirects=True).text
    assert "back as it was" in admin.post("/undo/", data={"token": token}, follow_redirects=True).text
    assert "another one has taken its place" in admin.post("/undo/", data={"token": token}, follow_redirects=True).text


def test_a_do_not_call_entry_comes_back_though_its_id_is_given_again(admin: FlaskClient, sqlite_engine: Engine) -> None:
    form = {"kind": "phone", "value": "+12125550177"}
    key = made(admin, sqlite_engine, DncEntry, "/dnc/", form)
    token = token_on(admin.post(f"/dnc/{key}/remove", follow_redirects=True).text)
    assert made(admin, sqlite_engine, DncEntry, "/dnc/", {**form, "value": "+12125550178"}) == key

    assert "back as it was" in admin.post("/undo/", data={"token": token}, follow_redirects=True).text
    assert {row["value"] for row in rows(sqlite_engine, DncEntry)} == {"+12125550177", "+12125550178"}
    assert "another one has taken its place" in admin.post("/undo/", data={"token": token}, follow_redirects=True).text


def test_a_large_row_is_undone_too(admin: FlaskClient, sqlite_engine: Engine) -> None:
    said = " ".join(f"word{number}" for number in range(1500))
    key = made(admin, sqlite_engine, DncEntry, "/dnc/", {"kind": "phone", "value": "+12125550179"})
    with write_transaction(sqlite_engine) as session:
        session.get_one(DncEntry, key).proof = said
    page = admin.post(f"/dnc/{key}/remove", follow_redirects=True).text
    with read_transaction(sqlite_engine) as session:
        assert "word1499" not in session.scalars(select(KeptDeletion.body)).one()
    assert "back as it was" in admin.post("/undo/", data={"token": token_on(page)}, follow_redirects=True).text
    assert rows(sqlite_engine, DncEntry)[-1]["proof"] == said


def test_after_ten_minutes_it_is_too_late(
    admin: FlaskClient, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made(admin, sqlite_engine, CompletionCode, "/codes/new", {"name": "PROMISED"})
    token = token_on(admin.post(f"/codes/{key}/delete", follow_redirects=True).text)

    monkeypatch.setattr("app.web.panel.undo.utcnow", lambda: utcnow() + timedelta(minutes=11))
    assert "too late" in admin.post("/undo/", data={"token": token}, follow_redirects=True).text
    assert len(rows(sqlite_engine, KeptDeletion)) == 1
    admin.post(f"/codes/{made(admin, sqlite_engine, CompletionCode, '/codes/new', {'name': 'OTHER'})}/delete")
    assert len(rows(sqlite_engine, KeptDeletion)) == 1  # what is too late is gone


def test_a_contact_comes_back_with_the_page_that_says_it_is_deleted_and_by_its_own(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    def is_deleted() -> bool:
        with read_transaction(sqlite_engine) as session:
            return session.get_one(Contact, world.contact_id).deleted_at is not None

    page = admin.post(f"/contacts/{world.contact_id}/delete", follow_redirects=True).text
    assert is_deleted()
    admin.post("/undo/", data={"token": token_on(page)})
    assert not is_deleted()
    admin.post(f"/contacts/{world.contact_id}/delete")
    assert "Bring the contact back" in admin.get(f"/contacts/{world.contact_id}").text
    admin.post(f"/contacts/{world.contact_id}/restore")
    assert not is_deleted()


def test_a_change_is_undone_from_the_history_and_a_conflict_is_told(admin: FlaskClient, world: World) -> None:
    path = f"/contacts/{world.contact_id}"
    for name in ("Hill", "Vale"):
        admin.post(f"{path}/edit", data={"last_name": name, "address-0": "+12125550101", "name-0": "phone1"})
    ids = re.findall(rf"{path}/history/(\d+)/undo", admin.get(f"{path}/history").text)
    conflict = admin.post(f"{path}/history/{ids[-1]}/undo", follow_redirects=True).text
    assert "undo the newer change first" in conflict
    admin.post(f"{path}/history/{ids[0]}/undo")
    assert "Hill" in admin.get(path).text
