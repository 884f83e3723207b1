from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from simulators.sinks import smtp, twilio_api
from simulators.sinks.payment import DECLINED_CARD, decide, document, luhn

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "simulated-sinks.md"
TODAY = datetime(2026, 6, 15, tzinfo=UTC)
GOOD = {"card": "4111111111111111", "expiry": "0626", "amount": "12.50", "contact_id": "C1"}


def test_a_good_card_is_approved_and_kept_by_its_end_alone() -> None:
    payment = decide(GOOD, TODAY)
    assert payment.approved
    assert payment.card_end == "1111"
    assert GOOD["card"] not in repr(payment)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"card": "4111111111111112"}, "card number"),
        ({"card": "41111111111111١١"}, "card number"),
        ({"card": ""}, "card number"),
        ({"card": DECLINED_CARD}, "declined by the bank"),
        ({"expiry": "0526"}, "expiry"),
        ({"expiry": "1326"}, "expiry"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1e5"}, "amount"),
        ({"amount": "<x/>"}, "amount"),
    ],
)
def test_a_bad_payment_is_declined_with_its_reason(change: dict[str, str], reason: str) -> None:
    assert decide({**GOOD, **change}, TODAY).reason == reason


@pytest.mark.parametrize("form", [GOOD, {}, {**GOOD, "amount": "'/><exit/>"}])
def test_the_answer_is_voicexml_whatever_was_posted(form: dict[str, str]) -> None:
    root = etree.fromstring(document(decide(form, TODAY)).encode())
    assert etree.QName(root).localname == "vxml"
    assert len(root.findall(".//{*}exit")) == 2


def test_luhn() -> None:
    assert luhn("4111111111111111")
    assert luhn("79927398713")
    assert not luhn("79927398710")


def test_the_reference_lists_every_failure() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    for suffix, failure in twilio_api.FAILURES.items():
        assert f"| {suffix} | {failure.about} |" in page
    for start, reply in smtp.FAILURES.items():
        assert f"| `{start}` | {reply} |" in page
    assert all(f"`{start}`" in page for start in smtp.DELAYS)
