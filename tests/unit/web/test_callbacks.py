from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from app.db import read_transaction, write_transaction
from app.models import Address, Attempt, AttemptState, AuditEntry, DncEntry, JobContact, JobContactState, OutboxEvent
from app.security.access import Actor
from app.security.tokens import Tokens, Unsubscribe
from app.services import dnc
from tests.support.panel import SECRET, World

PUBLIC = "http://127.0.0.1:8000"
NUMBER = "+12125550101"


def post(client: FlaskClient, path: str, form: dict[str, str], token: str = "twilio test token") -> TestResponse:
    signature = RequestValidator(token).compute_signature(PUBLIC + path, form)
    return client.post(path, data=form, headers={"X-Twilio-Signature": signature})


def listed(engine: Engine, world: World, kind: str, value: str) -> bool:
    with read_transaction(engine) as session:
        return dnc.is_listed(session, world.organization_id, kind, value)


@pytest.mark.parametrize("words", ["STOP", "please stop", "Unsubscribe"])
def test_a_reply_of_stop_is_listed_at_once(
    client: FlaskClient, world: World, sqlite_engine: Engine, words: str
) -> None:
    answer = post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": words})

    assert answer.status_code == 200
    assert answer.content_type.startswith("application/xml")
    assert listed(sqlite_engine, world, "phone", NUMBER)


def test_other_replies_list_nobody(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "Thanks, see you on Monday"})

    assert not listed(sqlite_engine, world, "phone", NUMBER)


def test_stop_from_a_number_nobody_knows_is_listed_by_all(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    post(client, "/callbacks/twilio/inbound", {"From": "+12125550199", "Body": "STOP"})

    assert listed(sqlite_engine, world, "phone", "+12125550199")


def test_start_takes_back_what_stop_did(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "STOP"})
    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "START"})

    assert not listed(sqlite_engine, world, "phone", NUMBER)
    with read_transaction(sqlite_engine) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "dnc.remove")).one()
    assert entry.organization_id == world.organization_id


def test_start_takes_nothing_back_that_somebody_else_has_listed_since(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "STOP"})
    with write_transaction(sqlite_engine) as session:
        dnc.add(session, Actor.system(), [("phone", NUMBER)], organization_id=world.organization_id, proof="by letter")
    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "START"})

    assert listed(sqlite_engine, world, "phone", NUMBER)


def test_answers_in_the_language_of_the_word_in_the_name_of_whom_the_number_knows(client: FlaskClient) -> None:
    def answer(words: str, number: str = NUMBER) -> str:
        return post(client, "/callbacks/twilio/inbound", {"From": number, "Body": words}).text

    assert "<Message>Test: " in (told := answer("HELP"))
    assert "Reply STOP" in told
    assert "<Message>Test: Sie bekommen" in answer("Abmelden")
    assert "<Message>You will get no more" in answer("STOP", "+12125550199")
    assert "<Message>" not in answer("Thanks, see you on Monday")


def test_what_twilio_has_understood_counts_and_is_not_answered_twice(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    form = {"From": NUMBER, "Body": "mos me shkruani", "OptOutType": "STOP"}

    assert "<Message>" not in post(client, "/callbacks/twilio/inbound", form).text
    assert listed(sqlite_engine, world, "phone", NUMBER)


@pytest.mark.parametrize("path", ["/callbacks/twilio/inbound", "/callbacks/twilio/some-attempt"])
def test_refuses_callbacks_that_twilio_did_not_sign(client: FlaskClient, path: str) -> None:
    assert post(client, path, {"From": NUMBER, "Body": "STOP"}, token="guessed").status_code == 403
    assert client.post(path, data={"From": NUMBER, "Body": "STOP"}).status_code == 403


def test_a_receipt_settles_the_attempt_once(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        attempt = session.get_one(Attempt, world.attempt_id)
        attempt.state, attempt.completion_code, attempt.channel = AttemptState.DONE, "SMS_SENT", "sms"
    path = f"/callbacks/twilio/{world.attempt_id}"

    assert post(client, path, {"MessageSid": "SM1", "MessageStatus": "sent"}).status_code == 204
    assert post(client, path, {"MessageSid": "SM1", "MessageStatus": "delivered"}).status_code == 204
    late = {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30003"}
    assert post(client, path, late).status_code == 204

    with read_transaction(sqlite_engine) as session:
        assert session.get_one(Attempt, world.attempt_id).completion_code == "SMS_DELIVERED"
        hints = [event.payload["code"] for event in session.query(OutboxEvent).filter_by(topic="receipt")]
    assert hints == ["SMS_DELIVERED"]


def test_a_receipt_settles_a_contact_that_was_done_with_its_message(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        attempt = session.get_one(Attempt, world.attempt_id)
        attempt.state, attempt.completion_code, attempt.channel = AttemptState.DONE, "SMS_SENT", "sms"
        contact = session.get_one(JobContact, attempt.job_contact_id)
        contact.state, contact.final_code, contact.attempt_count = JobContactState.DONE, "SMS_SENT", attempt.number
        contact_id = contact.id

    post(client, f"/callbacks/twilio/{world.attempt_id}", {"MessageSid": "SM1", "MessageStatus": "delivered"})

    with read_transaction(sqlite_engine) as session:
        contact = session.get_one(JobContact, contact_id)
        assert session.get_one(Attempt, world.attempt_id).completion_code == "SMS_DELIVERED"
        assert (contact.last_code, contact.final_code) == ("SMS_DELIVERED", "SMS_DELIVERED")


def test_a_receipt_before_the_record_of_sending_leaves_the_attempt_to_the_engine(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    post(client, f"/callbacks/twilio/{world.attempt_id}", {"MessageSid": "SM1", "MessageStatus": "delivered"})

    with read_transaction(sqlite_engine) as session:
        assert session.get_one(Attempt, world.attempt_id).state == AttemptState.IN_PROGRESS


def unsubscribe_path(world: World) -> str:
    return "/u/" + Tokens(SECRET).unsubscribe_token(Unsubscribe(world.organization_id, "email", "ann@example.org"))


def test_an_opt_out_told_by_the_provider_blocks_the_person_until_they_say_start(
    client: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        attempt = session.get_one(Attempt, world.attempt_id)
        attempt.channel, attempt.state, attempt.completion_code = "sms", AttemptState.DONE, "SMS_SENT"
        address = session.scalars(select(Address).where(Address.contact_id == world.contact_id)).one()
        attempt.address_id = address.id
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "21610"}

    for _ in range(2):
        assert post(client, f"/callbacks/twilio/{world.attempt_id}", form).status_code == 204

    with read_transaction(sqlite_engine) as session:
        entries = session.execute(select(DncEntry.kind, DncEntry.value, DncEntry.source, DncEntry.proof)).all()
    assert sorted(entries) == [
        ("contact_id", "C001", "sms_stop", world.attempt_id),
        ("phone", NUMBER, "sms_stop", world.attempt_id),
    ]
    assert disabled(sqlite_engine) == ["SMS_OPT_OUT", "", ""]

    post(client, "/callbacks/twilio/inbound", {"From": NUMBER, "Body": "START"})

    assert not listed(sqlite_engine, world, "phone", NUMBER)
    assert not listed(sqlite_engine, world, "contact_id", "C001")
    assert disabled(sqlite_engine) == ["", "", ""]


def disabled(engine: Engine) -> list[str]:
    with read_transaction(engine) as session:
        return list(session.scalars(select(Address.disabled_code).order_by(Address.id)))


def test_opening_the_unsubscribe_page_changes_nothing(client: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    page = client.get(unsubscribe_path(world))

    assert "a***@example.org" in page.text
    assert not listed(sqlite_engine, world, "email", "ann@example.org")


@pytest.mark.parametrize("form", [{"List-Unsubscribe": "One-Click"}, {}], ids=["mail program", "button"])
def test_one_click_unsubscribes(client: FlaskClient, world: World, sqlite_engine: Engine, form: dict[str, str]) -> None:
    answer = client.post(unsubscribe_path(world), data=form)

    assert answer.status_code == 200
    assert listed(sqlite_engine, world, "email", "ann@example.org")


def test_a_broken_unsubscribe_address_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/u/cut-off")

    assert answer.status_code == 404
    assert "Open the link in the message again" in answer.text
