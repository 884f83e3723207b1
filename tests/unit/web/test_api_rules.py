"""The REST API's number rules, splits and shares, on one engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import AuditEntry, Organization
from app.services.list_changes.working import work_next
from common.clock import utcnow
from tests.support.panel import World
from tests.unit.web.test_api import Program, make, pointers


@pytest.fixture
def program(app: Flask, world: World, sqlite_engine: Engine) -> Program:
    return Program(app.test_client(), make(sqlite_engine, world))


def test_dialing_rules_are_added_moved_and_deleted(program: Program, sqlite_engine: Engine) -> None:
    path = "/numbers/dialing-rules"
    first = program("POST", path, {"name": "Home", "country": "us", "written": "national"}, key="a")
    assert (first.status_code, first.json["country"], first.json["position"]) == (201, "US", 1)
    assert program("POST", path, {"name": "Home", "country": "us", "written": "national"}, key="a").json == first.json
    second = program("POST", path, {"name": "Away", "prepend": "00", "written": "digits"}).json
    assert program("POST", f"{path}/{second['id']}/move", {"up": True}).status_code == 204
    assert [rule["name"] for rule in program("GET", path).json["rules"]] == ["Away", "Home"]
    assert program("DELETE", f"{path}/{second['id']}").status_code == 204
    assert program("DELETE", f"{path}/{second['id']}").status_code == 404
    for wrong, pointer in (({"prefix": "x"}, "#/prefix"), ({"strip": 99}, "#/strip"), ({"type": "?"}, "#/type")):
        refused = program("POST", path, {"name": "Wrong", **wrong})
        assert (refused.status_code, pointers(refused)) == (422, [pointer])
    with read_transaction(sqlite_engine) as session:
        made = session.scalars(select(AuditEntry).where(AuditEntry.action == "dialing_rule.create")).first()
        assert made is not None


def test_numbers_are_refused_opened_and_read_by_rules(program: Program) -> None:
    pattern = program("POST", "/numbers/reject-patterns", {"pattern": "+1900*", "reason": "dear"}).json
    assert program("GET", "/numbers/reject-patterns").json["patterns"] == [pattern]
    assert pointers(program("POST", "/numbers/reject-patterns", {"pattern": "+1900*", "country": "US"})) == [
        "#/country"
    ]
    assert program("DELETE", f"/numbers/reject-patterns/{pattern['id']}").status_code == 204

    last_day = (utcnow() + timedelta(days=9)).date().isoformat()
    opened = program("POST", "/numbers/opened-ranges", {"prefix": "+1900", "last_day": last_day, "reason": "ours"}).json
    assert opened["last_day"] == last_day
    assert program("GET", "/numbers/opened-ranges").json["ranges"] == [opened]
    late = program("POST", "/numbers/opened-ranges", {"prefix": "+1900", "last_day": "2001-01-01", "reason": "ours"})
    assert pointers(late) == ["#/last_day"]
    assert program("DELETE", f"/numbers/opened-ranges/{opened['id']}").status_code == 204

    kept = program("PUT", "/numbers/formats/it", {"pad": 10, "local": "[2-9]?????? 212"}).json
    assert (kept["country"], kept["pad"], kept["local"]) == ("IT", 10, "[2-9]?????? 212")
    assert program("GET", "/numbers/formats").json["formats"] == [kept]
    assert pointers(program("PUT", "/numbers/formats/xx", {"pad": 10})) == ["#/country"]
    assert program("DELETE", "/numbers/formats/it").status_code == 204
    assert program("DELETE", "/numbers/formats/it").status_code == 404

    assert program("GET", "/numbers/defaults").json == {"home_country": "", "separator": ""}
    wanted = {"home_country": "GB", "separator": "#"}
    assert program("PUT", "/numbers/defaults", wanted).json == wanted == program("GET", "/numbers/defaults").json


def test_a_token_that_may_only_look_changes_no_rule_and_shares_nothing(
    app: Flask, world: World, sqlite_engine: Engine
) -> None:
    looker = Program(app.test_client(), make(sqlite_engine, world, "campaigns.view", "lists.view"))
    assert looker("GET", "/numbers/dialing-rules").status_code == 200
    assert looker("POST", "/numbers/dialing-rules", {"name": "Home"}).status_code == 403
    assert looker("PUT", "/numbers/defaults", {"home_country": "GB", "separator": ""}).status_code == 403
    assert looker("GET", f"/lists/{world.list_id}/shares").status_code == 200
    assert looker("POST", f"/lists/{world.list_id}/shares", {"organization": "*"}).status_code == 403
    split = {"parts": [{"name": "Half", "percent": 50}]}
    assert looker("POST", f"/lists/{world.list_id}/splits", split).status_code == 403
    blind = Program(app.test_client(), make(sqlite_engine, world, "dnc.view"))
    assert blind("GET", "/numbers/dialing-rules").status_code == 403
    assert blind("GET", f"/lists/{world.list_id}/shares").status_code == 403


def test_a_list_is_split_in_the_background_and_merged_back(
    program: Program, world: World, sqlite_engine: Engine
) -> None:
    path = f"/lists/{world.list_id}"
    people = [
        {"id": f"S{n}", "first_name": "Bo" if n % 2 else "Al", "phones": {"phone1": f"21255501{n}"}}
        for n in range(10, 16)
    ]
    program("POST", f"{path}/contacts", {"contacts": people})
    wanted: dict[str, Any] = {
        "parts": [{"name": "Bos", "conditions": [{"field": "first_name", "operator": "equals", "value": "Bo"}]}],
        "rest": "Others",
    }
    counted = program("POST", f"{path}/splits", {**wanted, "dry_run": True})
    assert counted.status_code == 200
    assert counted.json["parts"][0] == {"name": "Bos", "contacts": 3}
    assert counted.json["staying"] == 0
    asked = program("POST", f"{path}/splits", wanted, key="s")
    assert (asked.status_code, asked.json["kind"], len(asked.json["parts"])) == (202, "split", 2)
    assert program("POST", f"{path}/splits", wanted, key="s").json == asked.json
    assert work_next(sqlite_engine)
    here = f"{path}/changes/{asked.json['id']}"
    assert program("GET", here).json["state"] == "completed"
    bos = next(part["list_id"] for part in asked.json["parts"] if part["name"] == "Bos")
    assert program("GET", f"/lists/{bos}/contacts/S11").json["first_name"] == "Bo"
    assert program("POST", f"{here}/undo").status_code == 202
    assert work_next(sqlite_engine)
    assert program("GET", f"{path}/contacts/S11").status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parts": []}, "#/parts"),
        ({"parts": [{"name": "A"}]}, "#/parts/0"),
        ({"parts": [{"name": "A", "percent": 60}, {"name": "B", "percent": 60}]}, "#/parts"),
        ({"parts": [{"name": "A", "percent": 60}], "rest": "B"}, "#/parts"),
        ({"parts": [{"name": "A", "percent": 0}]}, "#/parts/0/percent"),
        ({"parts": [{"name": "A", "percent": 40}, {"name": "A", "percent": 60}]}, "#/name"),
        (
            {
                "parts": [
                    {"name": "A", "conditions": [{"field": "id", "operator": "equals", "value": "1"}]},
                    {"name": "B", "conditions": [{"field": "attribute.none", "operator": "equals", "value": "1"}]},
                ]
            },
            "#/parts/1/conditions/0",
        ),
    ],
)
def test_a_split_that_cannot_be_made_is_refused_at_its_field(
    program: Program, world: World, body: dict[str, Any], pointer: str
) -> None:
    answer = program("POST", f"/lists/{world.list_id}/splits", body)
    assert (answer.status_code, pointers(answer)) == (422, [pointer])


def test_a_list_is_shared_and_not_shared_any_more(program: Program, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        session.add(Organization(name="Other", created_at=utcnow()))
    path = f"/lists/{world.list_id}/shares"
    made = program("POST", path, {"organization": "Other", "may_edit": True}, key="x")
    assert made.json == {"id": made.json["id"], "organization": "Other", "may_edit": True}
    program("POST", path, {"organization": "*"})
    shares = program("GET", path).json["shares"]
    assert [(each["organization"], each["may_edit"]) for each in shares] == [("*", False), ("Other", True)]
    assert program("DELETE", f"{path}/{made.json['id']}").status_code == 204
    assert program("DELETE", f"{path}/{made.json['id']}").status_code == 404
    assert len(program("GET", path).json["shares"]) == 1
    assert pointers(program("POST", path, {"organization": "None such"})) == ["#/organization"]
    assert program("GET", "/lists/999/shares").status_code == 404
