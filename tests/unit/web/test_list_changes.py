"""Deleting many contacts in the panel: conditions, a look, a yes, progress, undo."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.services.list_changes.working import work_next
from tests.support.panel import World

_ANN2 = {"g0-match": "all", "g0-c0-field": "first_name", "g0-c0-operator": "equals", "g0-c0-value": "Ann2"}


def post(client: FlaskClient, path: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/filters/new").text)
    assert token is not None
    answer = client.post(path, data={**form, "csrf_token": token[1]}, headers=headers, follow_redirects=True)
    return answer.status_code, answer.text


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(filter|expected|last)" value="([^"]*)"', page)
    return {name: value.replace("&#34;", '"') for name, value in found}


def test_contacts_are_deleted_by_conditions_and_put_back(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    here = f"/lists/{world.list_id}"
    assert f'href="{here}/deletion"' in admin.get(here).text
    assert 'name="g0-c0-field"' in admin.get(f"{here}/deletion").text
    status, page = post(admin, f"{here}/deletion", {"match": "all"})
    assert (status, "add a condition" in page) == (422, True)
    status, rows = post(admin, f"{here}/deletion", {**_ANN2, "edit": "add-condition g0"}, **{"HX-Request": "true"})
    assert (status, "<html" in rows, 'name="g0-c1-field"' in rows, "Sort by" in rows) == (200, False, True, False)
    _, page = post(admin, f"{here}/deletion", {**_ANN2, "g0-c0-field": "attempts", "g0-c0-value": "few"})
    assert "is not a number; write it such as 1234.50" in page
    _, page = post(admin, f"{here}/deletion", _ANN2)
    assert "1 of 3 contacts" in page
    _, page = post(admin, f"{here}/deletion/start", hidden(page))
    assert "Deletion of contacts" in page
    assert "Cancel" in page
    work_next(sqlite_engine)
    assert "First name is Ann2" in admin.get(here).text
    assert "C002" not in admin.get(here).text
    _, page = post(admin, f"{here}/changes/1/undo", {})
    assert "Undoing a deletion" in page
    _, page = post(admin, f"{here}/changes/2/cancel", {})
    assert "It stops" in page
    _, page = post(admin, f"{here}/changes/1/undo", {})
    work_next(sqlite_engine)
    assert "C002" in admin.get(here).text


def test_all_are_removed_after_a_yes_and_nobody_is_no_question(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    here = f"/lists/{world.list_id}"
    page = admin.get(f"{here}/empty").text
    assert "3 of 3 contacts" in page
    post(admin, f"{here}/deletion/start", hidden(page))
    work_next(sqlite_engine)
    assert "1 stay: they are being called now" in admin.get(f"{here}/changes/1").text
    _, page = post(admin, f"{here}/deletion", {**_ANN2, "g0-c0-value": "Nobody"})
    assert "Nobody is meant" in page
    status, _ = post(admin, f"{here}/deletion/start", {"filter": "torn"})
    assert status == 409
    assert admin.get("/lists/99/changes/1").status_code == 404
