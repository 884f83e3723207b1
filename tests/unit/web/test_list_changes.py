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


def test_a_list_is_split_by_conditions_and_merged_again(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    here = f"/lists/{world.list_id}"
    form = {**_ANN2, "g0-name": "Twos", "rest": "Rest", "way": "conditions"}
    status, rows = post(admin, f"{here}/split", {**form, "edit": "add-group"}, **{"HX-Request": "true"})
    assert (status, 'value="Twos"' in rows, 'name="g1-name"' in rows, "Sort by" in rows) == (200, True, True, False)
    second = {"g1-match": "all", "g1-name": "Kept", "g1-c0-field": "id", "g1-c0-operator": "filled"}
    _, rows = post(admin, f"{here}/split", {**form, **second, "edit": "remove g0-c0"}, **{"HX-Request": "true"})
    assert ('value="Kept"' in rows, 'value="Twos"' in rows) == (True, False)
    status, page = post(admin, f"{here}/split", {**form, "g0-name": ""})
    assert (status, "Give the new list of part 1 a name" in page) == (422, True)
    status, page = post(admin, f"{here}/split", {**form, "rest": "People"})
    assert (status, "There is a contact list named &#39;People&#39; already" in page) == (422, True)
    _, page = post(admin, f"{here}/split", form)
    assert "Move 3 contacts" in page
    plan = dict(re.findall(r'<input type="hidden" name="(plan|expected|last)" value="([^"]*)"', page))
    _, page = post(admin, f"{here}/split/start", {**plan, "plan": plan["plan"].replace("&#34;", '"')})
    assert "Split into several lists" in page
    work_next(sqlite_engine)
    page = admin.get(f"{here}/changes/1").text
    assert ("Twos" in page, "Undo" in page) == (True, True)
    post(admin, f"{here}/changes/1/undo", {})
    work_next(sqlite_engine)
    assert "(deleted)" in admin.get(f"{here}/changes/1").text
    assert "C002" in admin.get(here).text


def test_shares_are_asked_for_at_their_fields(admin: FlaskClient, world: World) -> None:
    here = f"/lists/{world.list_id}/split"
    assert 'name="word"' in admin.get(f"{here}?way=shares").text
    form = {"way": "shares", "parts": "70, 60", "name": "Part", "word": "w"}
    status, page = post(admin, here, form)
    assert (status, "Each percentage is more than 0" in page) == (422, True)
    _, page = post(admin, here, {**form, "parts": "50, 20", "copies": "copies"})
    assert all(words in page for words in ("Part 1", "Part 2", "Copy 2 contacts", "beside the copies"))
