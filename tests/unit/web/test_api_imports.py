"""Files by the REST API: tried, imported, told of twice, and what they take out of a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from app.db import write_transaction
from app.models import ContactList
from app.services.importing import spooling
from app.web.importer import Importer
from common.settings import Settings
from tests.support.panel import World
from tests.unit.web.test_api import make

TEXT = "id,first_name,Mobile\nX1,Bo,+1 212 555 0177\nX2,Cy,call me\n"


class Program:
    """What hands files over, and waits for them."""

    def __init__(self, client: FlaskClient, token: str, world: World, engine: Engine, home: Path) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._path = f"/api/v1/lists/{world.list_id}/imports"
        self._importer = Importer(engine, home)

    def send(self, text: str, key: str = "", **asked: Any) -> Any:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return self._client.post(self._path, query_string=asked, data=text.encode(), headers=headers)

    def get(self, path: str = "") -> Any:
        return self._client.get(f"/api/v1{path}" if path else self._path, headers=self._headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(f"/api/v1{path}", json=body, headers=self._headers)

    def work(self) -> None:
        self._importer.work()


@pytest.fixture
def program(
    app: Flask, world: World, sqlite_engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Program:
    monkeypatch.setitem(app.extensions["clarion_mounted"]["/api"].config, "CLARION", settings)
    return Program(app.test_client(), make(sqlite_engine, world), world, sqlite_engine, settings.home)


def test_a_file_is_tried_and_then_imported_without_sending_it_again(program: Program, settings: Settings) -> None:
    asked = program.send(TEXT, key="once", dry_run="true", file_name="people.csv")
    assert (asked.status_code, asked.json["state"], asked.json["dry_run"]) == (202, "queued", True)
    assert program.send(TEXT, key="once", dry_run="true", file_name="people.csv").json["id"] == asked.json["id"]
    assert program.send(TEXT + "X3,,\n", key="once", dry_run="true", file_name="people.csv").status_code == 422
    program.work()
    here = f"/imports/{asked.json['id']}"
    tried = program.get(here).json
    assert (tried["state"], tried["percent"], tried["rows_added"], tried["rows_rejected"]) == ("completed", 100, 1, 1)
    assert tried["found"]["countries"] == {"US": 1}
    assert [(each["line"], each["field"]) for each in tried["first_rejects"]] == [(3, "Mobile")]
    assert program.get(here.replace("/imports", "/lists") + "/contacts/X1").status_code == 404

    real = program.post(f"{here}/import").json
    program.work()
    assert program.get(f"/imports/{real['id']}").json["rows_added"] == 1
    assert {each["id"] for each in program.get().json["imports"]} >= {real["id"], asked.json["id"]}
    assert list(settings.home.glob("uploads/pending-*")) == []
    assert program.post(f"/imports/{real['id']}/import").status_code == 422
    (settings.home / "uploads" / f"dry-{asked.json['id']}.raw").unlink()
    gone = program.post(f"{here}/import")
    assert (gone.status_code, "kept for a day" in gone.json["detail"]) == (422, True)


def test_a_whole_list_waits_to_be_told_and_is_undone(program: Program) -> None:
    run = program.send(TEXT, mode="full").json
    program.work()
    held = program.get(f"/imports/{run['id']}").json
    assert (held["state"], held["removal"], held["rows_removed"]) == ("completed", "held", 0)
    taken = program.post(f"/imports/{run['id']}/take-out").json["contacts"]
    assert taken > 0
    assert program.post(f"/imports/{run['id']}/put-back").json["contacts"] == taken
    assert program.post(f"/imports/{run['id']}/put-back").status_code == 422

    run = program.send(TEXT, mode="full").json
    program.work()
    assert program.post(f"/imports/{run['id']}/leave-in").status_code == 204
    assert program.get(f"/imports/{run['id']}").json["removal"] == "left"
    for way in ("leave-in", "take-out"):
        assert program.post(f"/imports/{run['id']}/{way}").status_code == 422


def test_others_write_while_a_file_is_looked_at(
    program: Program, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = list[str]()
    for name in ("understand", "write_head"):
        real = getattr(spooling, name)

        def looking(*arguments: Any, real: Any = real, name: str = name) -> Any:
            with write_transaction(sqlite_engine) as session:
                session.execute(update(ContactList).values(name=ContactList.name))
            looked.append(name)
            return real(*arguments)

        monkeypatch.setattr(spooling, name, looking)
    assert program.send(TEXT).status_code == 202
    assert looked == ["understand", "write_head"]


def test_a_file_for_a_list_that_is_not_there_is_not_looked_at(
    program: Program, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(spooling, "understand", None)
    monkeypatch.setattr(program, "_path", "/api/v1/lists/999/imports")
    assert program.send(TEXT).status_code == 404
    assert list(settings.home.glob("uploads/*.raw")) == []


@pytest.mark.parametrize(
    ("text", "asked", "said"),
    [
        ("", {}, "body"),
        ("%PDF-1.7", {}, "not a CSV"),
        (TEXT, {"map": "Mobile"}, "map"),
        (TEXT, {"mode": "replace", "on_duplicate": "skip"}, "mode"),
        (TEXT, {"mode": "exclude", "campaign": "None such"}, "campaign"),
        (TEXT, {"most_removed": "101"}, "most_removed"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_no_file(
    program: Program, settings: Settings, text: str, asked: dict[str, str], said: str
) -> None:
    answer = program.send(text, **asked)
    assert answer.status_code == 422
    assert said in answer.json["detail"]
    assert list(settings.home.glob("uploads/*.raw")) == []
