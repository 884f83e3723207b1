from __future__ import annotations

from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy import Engine, select

from app.db import read_transaction, write_transaction
from app.models import Attempt, AttemptResult, AttemptState, DncEntry
from app.security.access import Actor
from app.security.tokens import Tokens
from app.services import scripts
from app.web.vxml_pages.notice import notice
from app.web.vxml_pages.results import mask_cards
from tests.support.panel import SECRET, World

TOKENS = Tokens(SECRET)
NS = {"v": "http://www.w3.org/2001/vxml"}
SCRIPT = b"""<?xml version="1.0"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block><exit/></block></form></vxml>
"""


def session_path(world: World, page: str) -> str:
    return f"/vxml/s/{TOKENS.session_token(world.attempt_id)}/{page}"


def upload(engine: Engine, *, publish: bool) -> str:
    """The revision's key."""
    with write_transaction(engine) as session:
        actor = Actor.system()
        script = scripts.create_script(session, actor, "Greeting")
        revision = scripts.upload_revision(session, actor, script.id, scripts.prepare("main.vxml", SCRIPT))
        if publish:
            scripts.publish(session, actor, revision.id)
        return TOKENS.revision_key(revision.digest)


def test_speaks_the_message_with_the_attributes_as_text(client: FlaskClient, world: World) -> None:
    answer = client.get(session_path(world, "notice.vxml"))

    assert answer.status_code == 200
    assert answer.content_type.startswith("application/voicexml+xml")
    prompt = etree.fromstring(answer.data).xpath("string(//v:field/v:prompt)", namespaces=NS)
    assert "Hello Ann <&>, you owe 10.50 & more." in prompt


def test_the_notice_is_a_document_the_browser_accepts() -> None:
    from vxml.check import check

    page = notice("Hello {name|you} ]]> <b>", "es-MX", {"name": "&lt;"})

    assert [problem for problem in check("notice.vxml", page.encode()) if problem.severity == "error"] == []
    assert "pulse 1" in page


def test_starts_no_session_for_calls(client: FlaskClient, world: World) -> None:
    answer = client.get(session_path(world, "notice.vxml"))

    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_says_when_the_call_is_over(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        session.get_one(Attempt, world.attempt_id).state = AttemptState.DONE

    answer = client.get(session_path(world, "notice.vxml"))

    assert answer.status_code == 404
    assert "it is over" in answer.text


def test_refuses_forged_and_foreign_tokens(client: FlaskClient, world: World) -> None:
    forged = Tokens("another secret key, not ours").session_token(world.attempt_id)

    assert client.get(f"/vxml/s/{forged}/notice.vxml").status_code == 404
    assert client.get(f"/vxml/s/{TOKENS.revision_key(world.attempt_id)}/notice.vxml").status_code == 404


def test_keeps_what_an_application_submits(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    answer = client.post(session_path(world, "result"), data={"completion_code": "PAID", "amount": "10.50"})

    assert answer.status_code == 200
    document = etree.fromstring(answer.data)
    assert document.xpath("string(//v:var[@name='completion_code']/@expr)", namespaces=NS) == "'PAID'"
    assert document.xpath("string(//v:exit/@namelist)", namespaces=NS) == "completion_code"
    with read_transaction(sqlite_engine) as session:
        kept = session.scalars(select(AttemptResult)).all()
    assert [row.values for row in kept] == [{"completion_code": "PAID", "amount": "10.50"}]


def test_who_asks_not_to_be_called_is_listed_while_the_call_goes_on(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    client.post(session_path(world, "result"), data={"completion_code": "PAID"})
    client.post(session_path(world, "result"), data={"completion_code": "AGENT_DNC"})

    with read_transaction(sqlite_engine) as session:
        entries = session.execute(select(DncEntry.kind, DncEntry.value, DncEntry.source)).all()
        assert session.get_one(Attempt, world.attempt_id).state == AttemptState.IN_PROGRESS
    assert sorted(entries) == [("contact_id", "C001", "call"), ("phone", "+12125550101", "call")]


def test_takes_a_submit_by_get_too(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    assert client.get(session_path(world, "result") + "?answer=yes").status_code == 200

    with read_transaction(sqlite_engine) as session:
        assert session.scalars(select(AttemptResult)).one().values == {"answer": "yes"}


def test_puts_no_markup_of_a_value_into_the_answer(client: FlaskClient, world: World) -> None:
    answer = client.post(session_path(world, "result"), data={"completion_code": "X'\"/><script>"})

    assert "script" not in answer.text


def test_refuses_results_that_are_too_much(client: FlaskClient, world: World) -> None:
    path = session_path(world, "result")

    assert client.post(path, data={"a": "x" * 2001}).status_code == 400
    assert client.post(path, data={f"f{n}": "x" for n in range(65)}).status_code == 400
    assert client.post(path, data={"two words": "x"}).status_code == 400
    assert client.post(path, data={"a": "x" * 70_000}).status_code == 413


def test_keeps_no_card_number() -> None:
    assert mask_cards("4111 1111 1111 1111") == "**** 1111"
    assert mask_cards("card=4111111111111111;") == "card=**** 1111;"
    assert mask_cards("4111111111111112") == "4111111111111112"  # fails the Luhn check: some other number


def test_serves_a_published_revision_for_ever(client: FlaskClient, sqlite_engine: Engine) -> None:
    key = upload(sqlite_engine, publish=True)

    answer = client.get(f"/vxml/r/{key}/main.vxml")

    assert answer.data == SCRIPT
    assert answer.content_type == "application/voicexml+xml"
    assert "immutable" in answer.headers["Cache-Control"]
    again = client.get(f"/vxml/r/{key}/main.vxml", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_serves_no_draft(client: FlaskClient, sqlite_engine: Engine) -> None:
    key = upload(sqlite_engine, publish=False)

    assert client.get(f"/vxml/r/{key}/main.vxml").status_code == 404


def test_serves_a_draft_once_it_is_published(client: FlaskClient, sqlite_engine: Engine) -> None:
    key = upload(sqlite_engine, publish=False)
    assert client.get(f"/vxml/r/{key}/main.vxml").status_code == 404
    with write_transaction(sqlite_engine) as session:
        script = scripts.list_scripts(session, Actor.system())[0]
        scripts.publish(session, Actor.system(), scripts.list_revisions(session, Actor.system(), script.id)[0].id)

    assert client.get(f"/vxml/r/{key}/main.vxml").status_code == 200


def test_names_the_file_that_a_revision_lacks(client: FlaskClient, sqlite_engine: Engine) -> None:
    key = upload(sqlite_engine, publish=True)

    answer = client.get(f"/vxml/r/{key}/../../etc/passwd")
    assert answer.status_code == 404
    assert "hello.wav" in client.get(f"/vxml/r/{key}/hello.wav").text
