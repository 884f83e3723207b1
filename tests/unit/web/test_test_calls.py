"""The panel's test calls, and the pages that media servers fetch for them."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import CallingWindow, ScriptRevision, TestCall, TestCallState, Trunk
from app.security.tokens import Tokens
from common.clock import utcnow
from tests.support.panel import SECRET, World

GOOD = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hi</block></form></vxml>'
BAD = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><blok/></form></vxml>'


def upload(client: FlaskClient, content: bytes = GOOD) -> str:
    """The revision's page."""
    answer = client.post("/scripts/new", data={"name": "Visit", "file": (BytesIO(content), "main.vxml")})
    assert answer.status_code == 302
    return str(answer.location)


def form(engine: Engine, **change: str) -> dict[str, str]:
    with read_transaction(engine) as session:
        trunk, window = session.scalar(select(Trunk.id)), session.scalar(select(CallingWindow.id))
    values = {"number": "+12125550140", "sender": "+15550100000", "values": "first_name=Ana"}
    return {**values, "trunk_id": str(trunk), "calling_window_id": str(window), **change}


def asked(client: FlaskClient, engine: Engine) -> tuple[str, str]:
    """The test call's page and its id."""
    answer = client.post(upload(client) + "/test-calls", data=form(engine))
    assert answer.status_code == 302, answer.text
    return str(answer.location), str(answer.location).rpartition("/")[2]


def move(engine: Engine, key: str, **values: object) -> None:
    with write_transaction(engine) as session:
        call = session.get_one(TestCall, key)
        for name, value in values.items():
            setattr(call, name, value)


def test_a_draft_without_errors_can_be_called(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    page, key = asked(admin, sqlite_engine)
    shown = admin.get(page).text

    assert "No engine is running" in shown
    assert f'hx-get="{page}/live"' in shown
    with read_transaction(sqlite_engine) as session:
        call = session.get_one(TestCall, key)
        assert (call.state, call.values) == (TestCallState.QUEUED, {"first_name": "Ana"})


def test_the_page_tells_what_happens_and_stops_asking_at_the_end(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    page, key = asked(admin, sqlite_engine)
    now = utcnow()
    step = {"at": "2026-01-05T12:00:00.000Z", "kind": "vxml", "text": "form <menu>"}
    move(sqlite_engine, key, state="in_progress", started_at=now, answered_at=now, trace=[step])

    live = admin.get(page + "/live").text

    assert "In conversation" in live
    assert "form &lt;menu&gt;" in live
    assert "hx-trigger" in live
    move(
        sqlite_engine,
        key,
        state="done",
        ended_at=now,
        completion_code="AGENT_DNC",
        result={"dtmf": "9", "exit": {"said": "stop"}},
    )
    done = admin.get(page + "/live").text
    assert "hx-trigger" not in done
    assert "AGENT_DNC" in done
    assert "stop" in done


def test_cancel_asks_once(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    page, key = asked(admin, sqlite_engine)
    move(sqlite_engine, key, state="in_progress", started_at=utcnow())

    for _ in range(2):
        assert admin.post(page + "/cancel").status_code == 302

    assert "Hanging up" in admin.get(page).text
    with read_transaction(sqlite_engine) as session:
        assert session.get_one(TestCall, key).cancel_requested


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": "call me"}, "digits"),
        ({"values": "first_name"}, "NAME=VALUE"),
        ({"trunk_id": "99"}, "Not a valid choice"),
    ],
)
def test_a_refusal_is_shown_at_its_field(
    admin: FlaskClient, world: World, sqlite_engine: Engine, change: dict[str, str], words: str
) -> None:
    answer = admin.post(upload(admin) + "/test-calls", data=form(sqlite_engine, **change))

    assert answer.status_code == 422
    assert words in answer.text
    with read_transaction(sqlite_engine) as session:
        assert session.scalars(select(TestCall)).all() == []


def test_a_revision_with_errors_offers_no_call(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    page = upload(admin, BAD)

    assert "/test-calls" not in admin.get(page).text
    assert admin.post(page + "/test-calls", data=form(sqlite_engine)).status_code == 422


def test_who_may_only_look_can_neither_call_nor_cancel(
    admin: FlaskClient, signed_in: Callable[[str], FlaskClient], world: World, sqlite_engine: Engine
) -> None:
    page, _ = asked(admin, sqlite_engine)
    watcher = signed_in("watcher")

    assert watcher.post(page.rpartition("/")[0], data=form(sqlite_engine)).status_code == 403
    assert watcher.post(page + "/cancel").status_code == 403
    assert "Cancel" not in watcher.get(page).text


# What media servers fetch


def test_a_drafts_files_are_served_to_its_test_call_alone_and_while_it_lasts(
    client: FlaskClient, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    _, key = asked(admin, sqlite_engine)
    tokens = Tokens(SECRET)
    here = f"/vxml/t/{tokens.test_token(key)}/main.vxml"
    assert client.get(here).status_code == 404
    move(sqlite_engine, key, state="in_progress")

    answer = client.get(here)

    assert answer.data == GOOD
    assert answer.cache_control.private
    with read_transaction(sqlite_engine) as session:
        digest = session.scalars(select(ScriptRevision.digest)).one()
    assert client.get(f"/vxml/r/{tokens.revision_key(digest)}/main.vxml").status_code == 404
    assert client.get(f"/vxml/t/{tokens.session_token(key)}/main.vxml").status_code == 404
    assert client.get(f"/vxml/t/{tokens.test_token('other')}/main.vxml").status_code == 404
    move(sqlite_engine, key, state="done")
    assert client.get(here).status_code == 404


def test_results_are_kept_with_the_test_call(
    client: FlaskClient, admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    page, key = asked(admin, sqlite_engine)
    move(sqlite_engine, key, state="in_progress", started_at=utcnow())
    here = f"/vxml/t/{Tokens(SECRET).test_token(key)}/result"

    answer = client.post(here, data={"card": "4111111111111111", "completion_code": "PAID"})

    assert answer.status_code == 200
    assert "'PAID'" in answer.text
    with read_transaction(sqlite_engine) as session:
        (item,) = session.get_one(TestCall, key).posted or []
    assert item["values"] == {"card": "**** 1111", "completion_code": "PAID"}
    assert "**** 1111" in admin.get(page).text
