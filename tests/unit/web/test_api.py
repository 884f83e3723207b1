"""The REST API from outside, on one engine: tokens, contacts, do not call, repeated requests, problems."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.models import ApiRequest, ApiToken, AuditEntry, Contact
from app.security.access import Actor
from app.services import api_tokens, dnc, lists
from app.services.api_tokens import GRANTABLE
from app.services.list_changes.working import work_next
from common.clock import utcnow
from tests.support.panel import World

BO = {"id": "X1", "first_name": "Bo", "phones": {"phone1": "(212) 555-0177"}}


class Program:
    """What has a token."""

    def __init__(self, client: FlaskClient, text: str) -> None:
        self._client = client
        self.text = text

    def __call__(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.text}"} | ({"Idempotency-Key": key} if key else {})
        return self._client.open(f"/api/v1{path}", method=method, json=body, headers=headers)


def make(engine: Engine, world: World, *permissions: str, **more: Any) -> str:
    with write_transaction(engine) as session:
        chosen = permissions or tuple(GRANTABLE)
        home = world.organization_id
        return api_tokens.create_token(session, Actor.system(), "CRM", chosen, organization_id=home, **more).text


@pytest.fixture
def program(app: Flask, world: World, sqlite_engine: Engine) -> Program:
    return Program(app.test_client(), make(sqlite_engine, world))


def pointers(answer: Any) -> list[str]:
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    return [error["pointer"] for error in answer.json.get("errors", [])]


def test_describes_itself_to_anybody_and_answers_nobody_without_a_token(app: Flask, world: World) -> None:
    client = app.test_client()
    found = client.get("/api/v1/openapi.json").json
    assert found["openapi"].startswith("3.")
    assert sorted(found["paths"]) == [
        "/api/v1/consents", "/api/v1/consents/ledger",
        "/api/v1/dnc", "/api/v1/dnc/check", "/api/v1/dnc/remove",
        "/api/v1/imports/{run_id}",
        *(f"/api/v1/imports/{{run_id}}/{end}" for end in ("cancel", "import", "leave-in", "put-back", "take-out")),
        "/api/v1/lists", "/api/v1/lists/{list_id}/changes/{change_id}",
        "/api/v1/lists/{list_id}/changes/{change_id}/cancel",
        "/api/v1/lists/{list_id}/changes/{change_id}/undo", "/api/v1/lists/{list_id}/contacts",
        "/api/v1/lists/{list_id}/contacts/{contact_id}", "/api/v1/lists/{list_id}/deletions",
        "/api/v1/lists/{list_id}/exclusions", "/api/v1/lists/{list_id}/exclusions/reset",
        "/api/v1/lists/{list_id}/imports", "/api/v1/lists/{list_id}/shares",
        "/api/v1/lists/{list_id}/shares/{share_id}", "/api/v1/lists/{list_id}/splits",
        "/api/v1/numbers/defaults", "/api/v1/numbers/dialing-rules", "/api/v1/numbers/dialing-rules/{rule_id}",
        "/api/v1/numbers/dialing-rules/{rule_id}/move", "/api/v1/numbers/formats",
        "/api/v1/numbers/formats/{country}", "/api/v1/numbers/opened-ranges",
        "/api/v1/numbers/opened-ranges/{range_id}", "/api/v1/numbers/reject-patterns",
        "/api/v1/numbers/reject-patterns/{pattern_id}", "/api/v1/sources/{source_id}/runs",
    ]  # fmt: skip
    for value in ("", "Bearer", "Bearer clarion_wrong", "Basic eDp5"):
        answer = client.get("/api/v1/lists", headers={"Authorization": value} if value else {})
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/api/v1/nothing").status_code == 404


def test_puts_changes_shows_and_deletes_one_contact(program: Program, world: World) -> None:
    path = f"/lists/{world.list_id}/contacts/X1"
    body = {**BO, "attributes": {}, "emails": {"email": "BO@example.org"}}
    del body["id"]
    assert program("PUT", path, body).status_code == 201
    assert program("PUT", path, {"last_name": "Lee", "phones": {"phone2": "212 555 0178"}}).status_code == 200
    shown = program("GET", path).json
    assert (shown["id"], shown["first_name"], shown["last_name"]) == ("X1", "Bo", "Lee")
    assert {one["name"]: one["value"] for one in shown["addresses"]} == {
        "phone1": "+12125550177", "phone2": "+12125550178", "email": "bo@example.org",
    }  # fmt: skip
    assert program("DELETE", path).status_code == 204
    assert program("GET", path).status_code == 404
    assert program("DELETE", path).status_code == 404


def test_numbers_are_whole_only_for_a_token_that_may_see_them_and_each_look_is_noted(
    app: Flask, program: Program, world: World, sqlite_engine: Engine
) -> None:
    program("POST", f"/lists/{world.list_id}/contacts", {"contacts": [BO]})
    path = f"/lists/{world.list_id}/contacts/X1"
    masked = Program(app.test_client(), make(sqlite_engine, world, "lists.view"))("GET", path)
    assert "5550177" not in masked.text
    assert "555-0177" not in masked.text
    assert masked.json["addresses"][0]["value"] == "+1212*****77"
    # A small place would tell hidden digits.
    assert (masked.json["addresses"][0]["region"], masked.json["addresses"][0]["number_type"]) == (
        "",
        "fixed_or_mobile",
    )
    whole = program("GET", path).json["addresses"][0]
    assert (whole["value"], whole["region"], whole["carrier"]) == ("+12125550177", "New York, NY", "")
    with read_transaction(sqlite_engine) as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.action == "numbers.view")).all()
    assert [(look.kind, look.after) for look in looks] == [("contact", {"by": "API token CRM"})]


def test_takes_many_and_names_each_that_it_refuses(program: Program, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        lists.define_attribute(session, Actor.system(), "visits", "integer")
    many = [
        BO,
        {"id": "X2", "phones": {"phone1": "call me"}},
        {"id": "X3"},
        {"id": "X4", "phones": {"phone1": "2125550179"}, "attributes": {"visits": 3}},
        {"id": "X5", "phones": {"phone1": "2125550179"}, "attributes": {"visits": "often"}},
        {"id": "X6", "phones": {"phone1": "2125550179"}, "attributes": {"colour": "red"}},
        {"id": "X7", "phones": {"phone1": "2125550179"}, "attributes": {"phone2": "2125550170"}},
        {"id": "C001", "phones": {"phone1": "2125550180"}},
    ]
    answer = program("POST", f"/lists/{world.list_id}/contacts", {"contacts": many}).json
    assert (answer["added"], answer["updated"], answer["refused"]) == (2, 1, 5)
    assert [error["pointer"] for error in answer["errors"]] == [
        "#/contacts/1/phones/phone1", "#/contacts/2", "#/contacts/4/attributes/visits",
        "#/contacts/5/attributes/colour", "#/contacts/6/attributes/phone2",
    ]  # fmt: skip
    with read_transaction(sqlite_engine) as session:
        assert session.scalars(select(Contact).where(Contact.external_id == "X4")).one().attributes == {"visits": 3}
        pushed = session.scalars(select(AuditEntry).where(AuditEntry.action == "contact.push")).all()
    assert pushed[-1].after == {"by": "API token CRM", "added": 2, "updated": 1, "refused": 5}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/contacts"),
        ({"contacts": []}, "#/contacts"),
        ({"contacts": [{"first_name": "Bo"}]}, "#/contacts/0/id"),
        ({"contacts": [{**BO, "colour": "red"}]}, "#/contacts/0/colour"),
        ({"contacts": [{**BO, "phones": {"fax1": "2"}}]}, "#/contacts/0/phones/fax1"),
        ({"contacts": [{**BO, "attributes": {"a": [1]}}]}, "#/contacts/0/attributes/a"),
        ({"contacts": [{**BO, "id": "x" * 121}]}, "#/contacts/0/id"),
        ({"contacts": [BO] * 1001}, "#/contacts"),
    ],
)
def test_refuses_a_body_that_is_not_as_described(program: Program, world: World, body: Any, pointer: str) -> None:
    answer = program("POST", f"/lists/{world.list_id}/contacts", body)
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


def test_refuses_what_is_no_json_and_what_is_too_large(program: Program, world: World) -> None:
    client, headers = program._client, {"Authorization": f"Bearer {program.text}"}
    path = f"/api/v1/lists/{world.list_id}/contacts"
    answer = client.post(path, data=b"{nonsense", headers=headers, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    answer = client.post(path, data=b" " * 5_000_000, headers=headers, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (413, "application/problem+json")


def test_a_refused_single_contact_names_its_field(program: Program, world: World) -> None:
    answer = program("PUT", f"/lists/{world.list_id}/contacts/X9", {"phones": {"phone1": "900"}})
    assert answer.status_code == 422
    assert pointers(answer) == ["#/phones/phone1"]


def test_a_repeated_request_is_done_once(program: Program, world: World, sqlite_engine: Engine) -> None:
    path = f"/lists/{world.list_id}/contacts"
    first = program("POST", path, {"contacts": [BO]}, key="one")
    assert first.json["added"] == 1
    program("DELETE", f"{path}/X1")
    again = program("POST", path, {"contacts": [BO]}, key="one")
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert program("GET", f"{path}/X1").status_code == 404
    other = program("POST", path, {"contacts": [{**BO, "id": "X2"}]}, key="one")
    assert (other.status_code, "another request" in other.json["detail"]) == (422, True)
    assert program("POST", path, {"contacts": [BO]}, key="x" * 300).status_code == 422
    with write_transaction(sqlite_engine) as session:
        session.execute(update(ApiRequest).values(created_at=utcnow() - timedelta(hours=25)))
    assert program("POST", path, {"contacts": [BO]}, key="one").json["added"] == 1
    with read_transaction(sqlite_engine) as session:
        assert len(session.scalars(select(ApiRequest)).all()) == 1


def test_do_not_call_holds_at_once(program: Program, world: World, sqlite_engine: Engine) -> None:
    entries = [{"kind": "phone", "value": "212 555 0190"}, {"kind": "email", "value": "A@example.org"}]

    def listed() -> list[bool]:
        return [one["listed"] for one in program("POST", "/dnc/check", {"entries": entries}).json["entries"]]

    assert listed() == [False, False]
    assert program("POST", "/dnc", {"entries": entries, "proof": "ticket 7"}).json == {"added": 2}
    assert listed() == [True, True]
    with read_transaction(sqlite_engine) as session:
        assert dnc.is_listed(session, world.organization_id, "phone", "+12125550190")
    assert program("POST", "/dnc/remove", {"entries": entries[:1]}).json == {"removed": 1}
    assert listed() == [False, True]
    bad = program("POST", "/dnc", {"entries": [{"kind": "fax", "value": "1"}]})
    assert pointers(bad) == ["#/entries/0/kind"]
    assert program("POST", "/dnc", {"entries": [{"kind": "phone", "value": "911"}]}).status_code == 422
    assert program("POST", "/dnc", {"entries": entries, "list_id": 999}).status_code == 404


def test_a_token_does_what_it_was_made_for_and_no_more(app: Flask, world: World, sqlite_engine: Engine) -> None:
    reader = Program(app.test_client(), make(sqlite_engine, world, "lists.view"))
    assert reader("GET", "/lists").json["lists"][0]["contacts"] == 3
    assert reader("POST", f"/lists/{world.list_id}/contacts", {"contacts": [BO]}).status_code == 403
    assert reader("POST", "/dnc/check", {"entries": [{"kind": "email", "value": "a@b.c"}]}).status_code == 403
    assert reader("GET", "/lists/999/contacts/X1").status_code == 404


def test_counts_requests_by_the_minute_over_all_processes(app: Flask, world: World, sqlite_engine: Engine) -> None:
    program = Program(app.test_client(), make(sqlite_engine, world, requests_per_minute=2))
    codes = [program("GET", "/lists").status_code for _ in range(6)]
    # The minute may turn once in between.
    assert codes[:2] == [200, 200]
    assert 429 in codes
    answer = next(one for one in (program("GET", "/lists") for _ in range(4)) if one.status_code == 429)
    assert answer.headers["Retry-After"] == "60"


def test_a_token_is_shown_once_and_revoked(app: Flask, admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    form = {"name": "Billing", "permissions": ["lists.view"], "requests_per_minute": "60"}
    page = admin.post("/api-tokens/", data=form).text
    text = page.split('text-break">', 1)[1].split("<", 1)[0]
    assert text.startswith("clarion_")
    assert text not in admin.get("/api-tokens/").text
    program = Program(app.test_client(), text)
    assert program("GET", "/lists").status_code == 200
    with read_transaction(sqlite_engine) as session:
        token = session.scalars(select(ApiToken).where(ApiToken.name == "Billing")).one()
        assert text not in str(vars(token))
    admin.post(f"/api-tokens/{token.id}/revoke")
    assert program("GET", "/lists").status_code == 401
    assert admin.post("/api-tokens/", data={"name": "x", "requests_per_minute": "60"}).status_code == 422


def test_deletes_contacts_by_conditions_and_takes_that_back(
    program: Program, world: World, sqlite_engine: Engine
) -> None:
    lists_path = f"/lists/{world.list_id}"
    by_name = {"conditions": [{"field": "first_name", "operator": "begins", "value": "Ann2"}]}
    asked = program("POST", f"{lists_path}/deletions", by_name, key="d1")
    assert (asked.status_code, asked.json["asked_for"], asked.json["state"]) == (202, 1, "queued")
    assert program("POST", f"{lists_path}/deletions", by_name, key="d1").json["id"] == asked.json["id"]
    here = f"{lists_path}/changes/{asked.json['id']}"
    work_next(sqlite_engine)
    done = program("GET", here).json
    assert (done["state"], done["done"], done["who"]) == ("completed", 1, "First name begins with Ann2")
    assert program("POST", f"{here}/undo").status_code == 202
    assert program("POST", f"{here}/cancel").status_code == 422
    assert program("GET", f"/lists/99/changes/{asked.json['id']}").status_code == 404
    odd = {"conditions": [{"field": "attempts", "operator": "begins", "value": "1"}]}
    assert pointers(program("POST", f"{lists_path}/deletions", odd)) == ["#/conditions/0"]
    assert program("POST", f"{lists_path}/deletions", {}).status_code == 422


def test_consents_are_entered_all_or_none_and_told(program: Program) -> None:
    given = {
        "kind": "phone", "value": "+12125550177", "channel": "sms", "purpose": "marketing", "act": "given",
        "source": "web form", "at": "2026-01-05T10:00+01:00", "text_shown": "I agree",
        "evidence": {"name": "form.pdf", "content": "JVBERg=="},
    }  # fmt: skip
    wrong = {**given, "act": "revoked", "at": "2999-01-01"}
    refused = program("POST", "/consents", {"entries": [given, wrong]})
    assert refused.status_code == 422
    assert "entries/1" in refused.json["detail"]
    person = {"kind": "phone", "value": "+12125550177"}
    assert program("POST", "/consents/ledger", person).json == {"entries": []}

    assert program("POST", "/consents", {"entries": [given]}, key="one").json == {"entered": 1}
    program("POST", "/consents", {"entries": [given]}, key="one")
    (told,) = program("POST", "/consents/ledger", person).json["entries"]
    assert (told["act"], told["at"], told["text_shown"]) == ("given", "2026-01-05T09:00:00+00:00", "I agree")
    bad = {**given, "evidence": {"name": "form.pdf", "content": "not base64!"}}
    assert "base64" in program("POST", "/consents", {"entries": [bad]}).json["detail"]


def test_a_day_of_taking_back_outdoes_what_was_given_on_it(program: Program) -> None:
    person = {"kind": "phone", "value": "+12125550177"}
    given = {**person, "channel": "sms", "purpose": "marketing", "source": "web form", "act": "given"}
    entries = [{**given, "at": "2026-01-05T10:00+01:00"}, {**given, "act": "revoked", "at": "2026-01-05"}]
    entries += [{**given, "act": "revoked", "at": f"{utcnow() + timedelta(hours=13):%Y-%m-%dT%H:%M}"}]
    assert program("POST", "/consents", {"entries": entries}).json == {"entered": 3}
    told = program("POST", "/consents/ledger", person).json["entries"]
    assert [event["act"] for event in told] == ["revoked", "revoked", "given"]
    assert told[1]["at"] == "2026-01-05"


def test_excludes_from_calling_and_resets(program: Program, world: World) -> None:
    path = f"/lists/{world.list_id}"
    assert program("POST", f"{path}/contacts", {"contacts": [BO]}).json["added"] == 1
    named = [{"kind": "id", "value": "X1"}, {"kind": "phone", "value": "+1 212 555 0000"}]
    answer = program("POST", f"{path}/exclusions", {"contacts": named}, key="once").json
    assert (answer["changed"], [each["pointer"] for each in answer["errors"]]) == (1, ["#/contacts/1"])
    assert program("POST", f"{path}/exclusions", {"contacts": named}, key="once").json == answer
    shown = program("GET", f"{path}/exclusions?limit=1").json
    assert shown == {"contacts": [{"id": "X1", "campaigns": ["all campaigns"]}], "next_after": 0}
    assert program("POST", f"{path}/exclusions/reset", {"contacts": named[:1]}).json["changed"] == 1
    program("POST", f"{path}/exclusions", {"contacts": named[:1]})
    assert program("POST", f"{path}/exclusions/reset", {}).json == {"changed": 1, "errors": []}
    assert program("POST", f"{path}/exclusions", {"contacts": named, "campaign": "None such"}).status_code == 422
