"""The script editor's requests: checked, drawn, tested, saved; nothing lost when two people save."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app.db import read_transaction, write_transaction
from app.models import AuditEntry, ScriptFile, ScriptRevision
from app.sandbox.client import EXTENSION, Overrun
from app.sandbox.jobs import JOBS
from app.security.access import Actor
from app.services import scripts
from tests.support.panel import World
from tests.support.zips import zipped

PAGE = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form id="a"><block>Hello</block></form></vxml>'
TESTS = "script: main.vxml\ntests:\n  - {name: greets, steps: [{expect: Hello}]}\n"


class HereAndNow:
    """A sandbox without processes; tests/integration/sandbox has the real one."""

    def run(self, job: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if "overrun.txt" in request["files"]:
            raise Overrun
        return JOBS[job].work(request)


@pytest.fixture(autouse=True)
def sandbox(app: Flask) -> Iterator[None]:
    real = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = HereAndNow()
    yield
    app.extensions[EXTENSION] = real


@pytest.fixture
def base(sqlite_engine: Engine, world: World) -> int:
    """The first revision of script 1: a document, its tests and audio."""
    files = {"main.vxml": PAGE, "main.vxmltest.yaml": TESTS, "hi.wav": "RIFF"}
    with write_transaction(sqlite_engine) as session:
        script = scripts.create_script(session, Actor.system(), "Visit", "", world.organization_id)
        prepared = scripts.prepare("a.zip", zipped(files))
        return scripts.upload_revision(session, Actor.system(), script.id, prepared).id


def post(
    client: FlaskClient, what: str, base: int, files: Mapping[str, Any] | None = None, **more: Any
) -> TestResponse:
    changes = {"files": files or {}, **more.pop("changes", {})}
    headers = {"Accept": "application/json, text/plain"}
    return client.post(f"/scripts/1/draft/{what}", json={"base": base, "changes": changes, **more}, headers=headers)


def text(body: str) -> dict[str, str]:
    return {"text": body}


def kept(engine: Engine, revision: int) -> dict[str, bytes]:
    with read_transaction(engine) as session:
        rows = session.scalars(select(ScriptFile).where(ScriptFile.script_revision_id == revision))
        return {file.path: file.body for file in rows}


def test_the_page_brings_the_files_the_schema_and_a_nonce_of_its_own(admin: FlaskClient, base: int) -> None:
    answers = [admin.get(f"/scripts/1/revisions/{base}/edit") for _ in range(2)]
    nonces = [answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0] for answer in answers]
    assert nonces[0] != nonces[1]
    assert f'data-nonce="{nonces[1]}"' in answers[1].text
    assert '"main.vxmltest.yaml": {"text":' in answers[1].text
    assert '"hi.wav": {"size": 4}' in answers[1].text
    assert '["block",' in answers[1].text
    assert "nonce" not in admin.get("/scripts/").headers["Content-Security-Policy"]


def test_unsaved_work_is_checked_with_the_files_around_it(admin: FlaskClient, base: int) -> None:
    broken = PAGE.replace("Hello", "<goto next='gone.vxml'/>")
    problems = post(admin, "check", base, {"main.vxml": text(broken)}).json["problems"]
    assert [(one["file"], one["line"], one["severity"]) for one in problems] == [("main.vxml", 1, "error")]
    both = {"main.vxml": text(broken), "gone.vxml": text(PAGE)}
    assert post(admin, "check", base, both).json["problems"] == []


def test_saving_makes_a_draft_and_leaves_the_revision_before_as_it_was(
    admin: FlaskClient, base: int, sqlite_engine: Engine
) -> None:
    files = {"main.vxml": text(PAGE.replace("Hello", "Good day")), "main.vxmltest.yaml": None}
    changes = {"moved": {"audio/hi.wav": "hi.wav"}}
    saved = post(admin, "save", base, files, changes=changes, seen=base).json
    assert saved["number"] == 2
    assert b"Good day" in kept(sqlite_engine, saved["base"])["main.vxml"]
    assert sorted(kept(sqlite_engine, saved["base"])) == ["audio/hi.wav", "main.vxml"]
    assert sorted(kept(sqlite_engine, base)) == ["hi.wav", "main.vxml", "main.vxmltest.yaml"]
    with read_transaction(sqlite_engine) as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.after) == ("script.upload", {"revision": 2, "problems": 0})


def test_the_first_document_is_found_again_under_its_new_name(admin: FlaskClient, base: int) -> None:
    moved = {"moved": {"other.vxml": "main.vxml", "main.vxmltest.yaml": "main.vxmltest.yaml"}}
    saved = post(admin, "save", base, {"main.vxml": text(PAGE)}, changes=moved, seen=base)
    assert saved.json["entry"] == "other.vxml"


def test_two_files_can_change_places(admin: FlaskClient, base: int, sqlite_engine: Engine) -> None:
    added = post(admin, "save", base, {"b.vxml": text(PAGE.replace("Hello", "B"))}, seen=base).json["base"]
    swap = {"moved": {"b.vxml": "main.vxml", "main.vxml": "b.vxml"}, "entry": "main.vxml"}
    saved = post(admin, "save", added, changes=swap, seen=added).json["base"]
    assert b">B<" in kept(sqlite_engine, saved)["main.vxml"]
    assert b"Hello" in kept(sqlite_engine, saved)["b.vxml"]


def test_the_second_of_two_who_save_is_told_who_was_first_and_loses_nothing(
    admin: FlaskClient, base: int, sqlite_engine: Engine
) -> None:
    first = post(admin, "save", base, {"main.vxml": text(PAGE.replace("Hello", "Ann's"))}, seen=base).json
    mine = {"main.vxml": text(PAGE.replace("Hello", "Bob's")), "bob.txt": text("x")}
    refused = post(admin, "save", base, mine, seen=base)
    assert refused.status_code == 409
    assert (refused.json["by"], refused.json["number"]) == ("admin", 2)
    assert (refused.json["theirs"], refused.json["both"]) == (["main.vxml"], ["main.vxml"])
    assert len(kept(sqlite_engine, first["base"])) == 3

    without = post(admin, "save", base, {"bob.txt": text("x")}, seen=refused.json["seen"]).json
    assert b"Hello" in kept(sqlite_engine, without["base"])["main.vxml"]
    on_top = post(admin, "save", first["base"], {"bob.txt": text("x")}, seen=without["base"]).json
    assert b"Ann's" in kept(sqlite_engine, on_top["base"])["main.vxml"]
    assert kept(sqlite_engine, on_top["base"])["bob.txt"] == b"x"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"main.vxml": None}}, "no .vxml document"),
        ({"moved": {"b.vxml": "gone.vxml"}}, "no such file to rename"),
        ({"files": {"a.exe": {"text": ""}}}, "files only"),
        ({"files": {"big.vxml": {"text": "x" * (2 << 20) + "x"}}}, "larger than 2 MiB"),
    ],
)
def test_work_that_makes_no_script_is_refused_in_words(
    admin: FlaskClient, base: int, changes: dict[str, Any], message: str
) -> None:
    answer = post(admin, "save", base, changes=changes, seen=base)
    assert answer.status_code == 409
    assert message in answer.text


def test_a_script_that_takes_too_long_to_check_is_refused_in_words(admin: FlaskClient, base: int) -> None:
    answer = post(admin, "check", base, {"overrun.txt": text("")})
    assert (answer.status_code, "was stopped" in answer.text) == (409, True)


def test_test_runs_of_a_saved_revision_are_kept_and_those_of_unsaved_work_are_not(
    admin: FlaskClient, base: int, sqlite_engine: Engine
) -> None:
    failing = post(admin, "tests", base, {"main.vxml": text(PAGE.replace("Hello", "Bye"))}).json
    assert failing["results"][0]["problems"] == ['expected "Hello", heard "Bye"']
    with read_transaction(sqlite_engine) as session:
        assert session.get_one(ScriptRevision, base).test_run is None

    done = post(admin, "tests", base).json
    assert done["coverage"] == {"main.vxml": [["item", 1, 1, True]]}
    with read_transaction(sqlite_engine) as session:
        revision = session.get_one(ScriptRevision, base)
        assert revision.test_run is not None
        assert revision.test_run["coverage"] == done["coverage"]
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.after) == ("script.test", {"revision": 1, "passed": 1, "failed": 0})
    assert '"tests": {"at":' in admin.get(f"/scripts/1/revisions/{base}/edit").text


def test_the_drawing_is_svg_whose_boxes_lead_to_lines(admin: FlaskClient, base: int) -> None:
    drawn = post(admin, "draw", base, {"two.vxml": text(PAGE.replace('"a"', '"&lt;b&gt;"'))}).json["html"]
    assert 'data-file="main.vxml" data-line="1"' in drawn
    assert "nothing leads here" in drawn
    assert "<b>" not in drawn
    assert "style=" not in drawn


def test_the_zip_can_be_uploaded_again(admin: FlaskClient, base: int) -> None:
    answer = admin.get(f"/scripts/1/revisions/{base}/export")
    assert answer.headers["Content-Disposition"].endswith("Visit-1.zip")
    assert sorted(scripts.unpack("Visit-1.zip", answer.data)) == ["hi.wav", "main.vxml", "main.vxmltest.yaml"]


def test_who_may_only_look_can_check_and_test_but_not_save(
    signed_in: Callable[[str], FlaskClient], base: int, sqlite_engine: Engine
) -> None:
    watcher = signed_in("watcher")
    page = watcher.get(f"/scripts/1/revisions/{base}/edit").text
    assert '"editable": false' in page
    assert 'id="work-save"' not in page
    assert post(watcher, "tests", base).json["results"][0]["problems"] == []
    assert post(watcher, "save", base, {"a.txt": text("")}, seen=base).status_code == 403
    with read_transaction(sqlite_engine) as session:
        assert session.get_one(ScriptRevision, base).test_run is None


@pytest.mark.parametrize("body", [[], {"base": "1"}, {"base": 99}])
def test_requests_that_name_no_revision_are_refused(admin: FlaskClient, base: int, body: Any) -> None:
    assert admin.post("/scripts/1/draft/check", json=body).status_code in (400, 404)
    assert admin.post("/scripts/7/draft/check", json={"base": base, "changes": {}}).status_code == 404
