"""Filters in the panel: conditions added and taken away without losing what was typed, looked at, saved, undone."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.core.audience import filter_from_json, filter_words
from app.db import read_transaction
from app.models import FilterTemplate
from tests.support.panel import World

_FORM = {
    "name": "Busy", "description": "", "match": "all", "g0-match": "any", "g0-c0-field": "last_completion_code",
    "g0-c0-operator": "equals", "g0-c0-value": "CALL_BUSY", "s0-field": "last_attempt_time", "s0-direction": "rising",
}  # fmt: skip


def post(client: FlaskClient, path: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/filters/new").text)
    assert token is not None
    answer = client.post(path, data={**form, "csrf_token": token[1]}, headers=headers)
    return answer.status_code, answer.text


def test_a_condition_is_added_and_what_was_typed_stays(admin: FlaskClient, world: World) -> None:
    status, rows = post(admin, "/filters/new", {**_FORM, "edit": "add-condition g0"}, **{"HX-Request": "true"})
    assert status == 200
    assert "<html" not in rows
    assert 'value="CALL_BUSY"' in rows
    assert 'name="g0-c1-field"' in rows
    status, page = post(admin, "/filters/new", {**_FORM, "edit": "remove g0-c0"})
    assert "<html" in page
    assert "Everybody of the list" in page


def test_a_filter_is_saved_looked_at_changed_deleted_and_put_back(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    post(admin, "/filters/new", {**_FORM, "organization_id": str(world.organization_id)})
    with read_transaction(sqlite_engine) as session:
        made = session.scalars(select(FilterTemplate)).one()
    assert filter_words(filter_from_json(made.definition)) == (
        "Last completion code is CALL_BUSY; sorted by Last attempt rising"
    )
    assert "Last completion code is CALL_BUSY" in admin.get("/filters/").text
    _, found = post(admin, "/filters/preview", {**_FORM, "list": str(world.list_id)})
    assert re.search(r"\d+ of \d+ contacts", found)
    status, page = post(admin, f"/filters/{made.id}", {**_FORM, "g0-c0-field": "attempts", "g0-c0-value": "few"})
    assert status == 422
    assert "is not a number; write it such as 1234.50" in page
    _, found = post(admin, f"/filters/{made.id}/delete", {})
    page = admin.get("/filters/").text
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token is not None
    post(admin, "/undo/", {"token": token[1]})
    assert "Busy" in admin.get("/filters/").text


def test_a_phones_town_is_asked_for_with_an_example_and_not_offered_to_sort_by(
    admin: FlaskClient, world: World
) -> None:
    form = {**_FORM, "g0-c0-field": "phone_area", "g0-c0-operator": "one-of"}
    _, rows = post(admin, "/filters/new", {**form, "edit": "change"}, **{"HX-Request": "true"})
    assert 'placeholder="Chicago, IL; Boston, MA"' in rows
    assert rows.count('value="phone_area"') == 1
    _, look = post(admin, "/filters/preview", {**form, "g0-c0-value": "Chicago", "list": str(world.list_id)})
    assert "Condition 1.1: no number has" in look
    _, page = post(admin, "/filters/new", {**form, "g0-c0-value": "Chicago"})
    assert "no number has" in page
    assert "Chicago, IL" in page
