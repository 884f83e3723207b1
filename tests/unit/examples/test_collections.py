"""The collections example: its application, its contacts and its manifest fit each other and the simulated carrier."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from app.core.completion import SYSTEM_CODES
from app.core.strategy.parser import parse as parse_strategy
from app.intake import reading
from app.intake.mapping import suggest
from app.intake.rows import PreparedContact, Preparer, Reject
from simulators.carrier.population import NAMED, Population
from simulators.sinks.payment import decide, document
from simulators.sinks.store import now
from vxml.messages import EndReason, Fetch, Fetched, FetchFailed
from vxml.session import SessionConfig
from vxml.text import Transcript, from_folder, keys, run_text

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "collections"
PAGES = EXAMPLE / "voicexml"
MANIFEST: dict[str, Any] = json.loads((EXAMPLE / "example.json").read_text(encoding="utf-8"))
PAYMENT = "http://127.0.0.1:8025/payment"
CARD = "4111111111111111"
ANA = {"first_name": "Ana", "last_name": "Diaz", "balance": "123.50", "contact_id": "C1", "payment_url": PAYMENT}


def fetch(request: Fetch) -> Fetched | FetchFailed:
    if request.url != PAYMENT:
        return from_folder(PAGES)(request)
    assert request.private
    form = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
    page = document(decide(form, now()))
    return Fetched(request.id, request.url, 200, page.encode(), "application/voicexml+xml")


def call(script: str, **values: object) -> Transcript:
    config = SessionConfig((PAGES / "start.vxml").as_uri(), {**ANA, **values})
    return run_text(config, fetch, keys(script))


def result(transcript: Transcript) -> dict[str, Any]:
    assert transcript.ended is not None
    assert transcript.ended.reason in (EndReason.EXIT, EndReason.HANGUP), transcript.ended.detail
    return dict(transcript.ended.values)


def customer_keys(name: str) -> str:
    """What the simulated customer of that name presses, all groups together; `h` where the customer hangs up."""
    letters = {"keys": lambda word: word.partition(":")[2], "hangup": lambda word: "h"}
    words = NAMED[name].script.split()
    return " ".join(letters[word.partition(":")[0]](word) for word in words if word.partition(":")[0] in letters)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pays", "PAID"),
        ("mistypes", "PAID"),
        ("declined-card", "PAYMENT_DECLINED"),
        ("promises", "PROMISE_TO_PAY"),
        ("fumbles", "PROMISE_TO_PAY"),
        ("callback", "CALLBACK_REQUESTED"),
        ("wrong-person", "WRONG_PARTY"),
        ("no-commitment", "RPC_NO_COMMITMENT"),
        ("stop", "AGENT_DNC"),
        ("says-nothing", "NO_RESPONSE"),
    ],
)
def test_each_simulated_customer_gets_the_code_that_is_meant(name: str, code: str) -> None:
    assert result(call(customer_keys(name)))["completion_code"] == code


def test_nothing_private_is_said_before_the_right_person_answered() -> None:
    transcript = call("2")
    assert not any("123 dollars" in prompt for prompt in transcript.prompts)


def test_the_card_is_in_no_line_of_the_transcript_and_in_no_result() -> None:
    transcript = call(f"1 1 {CARD}# 1229 1")
    assert result(transcript)["amount"] == "123.50"
    assert CARD not in str(transcript)
    assert CARD not in json.dumps(result(transcript))
    assert CARD[-4:] not in str(transcript)


def test_a_wrong_card_and_a_past_expiry_are_asked_again() -> None:
    transcript = call(f"1 1 {CARD[:-1]}2# {CARD}# 0120 1229 1")
    assert any("card number is not complete" in prompt for prompt in transcript.prompts)
    assert any("card has expired" in prompt for prompt in transcript.prompts)
    assert result(transcript)["completion_code"] == "PAID"


def test_a_promise_has_a_real_date() -> None:
    transcript = call("1 2 0231 1215 1")
    assert any("There is no such day" in prompt for prompt in transcript.prompts)
    assert re.fullmatch(r"\d{4}-12-15", result(transcript)["promise_date"])


def test_one_can_go_back_from_paying_and_choose_another_day() -> None:
    assert result(call(f"1 1 {CARD}# 1229 2 2 1215 2 1220 1"))["promise_date"].endswith("12-20")


def test_a_hang_up_after_the_payment_still_counts_as_paid() -> None:
    assert result(call(f"1 1 {CARD}# 1229 1 h"))["completion_code"] == "PAID"


def test_without_a_payment_service_nothing_is_taken() -> None:
    assert result(call("1 1", payment_url=""))["completion_code"] == "RPC_NO_COMMITMENT"
    away = call(f"1 1 {CARD}# 1229 1", payment_url="http://127.0.0.1:8025/elsewhere")
    assert result(away)["completion_code"] == "PAYMENT_DECLINED"


def test_every_code_the_pages_set_is_known() -> None:
    known = set(SYSTEM_CODES) | {code["name"] for code in MANIFEST["completion_codes"]}
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.vxml"))
    used = set(re.findall(r"name=\"completion_code\" expr=\"'(\w+)'\"", pages))
    assert used
    assert used <= known


def test_the_strategy_knows_every_code_it_names() -> None:
    known = set(SYSTEM_CODES) | {code["name"] for code in MANIFEST["completion_codes"]}
    parse_strategy((EXAMPLE / MANIFEST["strategy"]["file"]).read_text(encoding="utf-8"), known)


def imported() -> tuple[list[PreparedContact], list[Reject | reading.Bad]]:
    path = EXAMPLE / MANIFEST["contact_list"]["file"]
    form = reading.detect(path)
    types = {attribute["name"]: attribute["type"] for attribute in MANIFEST["attributes"]}
    preparer = Preparer(form.columns, suggest(form.columns), types, MANIFEST["contact_list"]["home_country"])
    with reading.open_text(path) as file:
        read = list(reading.records(file, form))
    prepared = [record if isinstance(record, reading.Bad) else preparer.prepare(record) for record in read]
    contacts = [one for one in prepared if isinstance(one, PreparedContact)]
    rejects = [one for one in prepared if not isinstance(one, PreparedContact)]
    return contacts, rejects


def test_the_list_holds_200_people_in_five_zones_and_the_rows_that_are_refused() -> None:
    contacts, rejects = imported()
    assert len({contact.external_id for contact in contacts}) == 200
    assert len(contacts) == 201, "one row has the id of another"
    assert Counter(contact.fields["time_zone"] for contact in contacts).keys() == {
        *("America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles")
    }
    assert len(rejects) == 13


def test_every_number_is_reserved_for_fiction() -> None:
    contacts, _ = imported()
    phones = [a.value for contact in contacts for a in contact.addresses if a.kind == "phone"]
    assert all(re.fullmatch(r"\+1[2-9]\d\d55501\d\d", phone) for phone in phones)


def test_the_people_behind_the_numbers_show_every_kind_of_outcome() -> None:
    contacts, _ = imported()
    population = Population()
    people = {contact.external_id: contact.addresses[0].value for contact in contacts}
    kinds = Counter(population.behaviour(phone).name for phone in people.values())
    assert kinds["pays"] == 44
    assert kinds["promises"] == 32
    assert {"busy", "ring-out", "decline", "unknown", "machine", "stop", "wrong-person", "fast-busy"} <= kinds.keys()
