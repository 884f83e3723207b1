from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Message
from channels.email_smtp.mime import build
from common.errors import Refused

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def message(**changes: Any) -> Message:
    values = {"attempt_id": "a1", "to": "anna@example.org", "sender": "Shop <shop@example.com>", "text": "Hello"}
    return Message(**{**values, "subject": "Hi", **changes})


def parsed(**changes: Any) -> EmailMessage:
    content = build(message(**changes), "", NOW).content
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    return cast(EmailMessage, message_from_bytes(content, policy=policy.default))


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_the_headers_a_bulk_sender_needs_are_there() -> None:
    mail = parsed(unsubscribe_url="https://example.com/u/x.y-z")
    assert mail["from"] == "Shop <shop@example.com>"
    assert mail["message-id"] == "<a1@example.com>"
    assert mail["list-unsubscribe"] == "<https://example.com/u/x.y-z>"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["date"].datetime == NOW


def test_no_unsubscribe_address_gives_no_header() -> None:
    assert "list-unsubscribe" not in parsed()


def test_text_and_html_are_alternatives() -> None:
    mail = parsed(text="Grüße\n.dot", html="<p>Grüße</p>")
    assert mail.get_content_type() == "multipart/alternative"
    assert part(mail, "plain") == "Grüße\n.dot"
    assert part(mail, "html") == "<p>Grüße</p>"


def test_words_outside_ascii_are_encoded_in_headers() -> None:
    mail = parsed(subject="Größe " * 30, sender="Café Zoë <shop@bücher.example>")
    assert mail["subject"] == "Größe " * 30
    assert mail["from"] == "Café Zoë <shop@xn--bcher-kva.example>"


def test_the_same_attempt_has_the_same_bytes() -> None:
    assert build(message(html="<p>x</p>"), "", NOW) == build(message(html="<p>x</p>"), "", NOW)


def test_the_default_sender_is_used_where_none_is_given() -> None:
    assert build(message(sender=""), "info@example.com", NOW).sender == "info@example.com"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": "anna@example.org\r\nBcc: all@example.org"}, "to"),
        ({"to": "anna@example.org, ben@example.org"}, "to"),
        ({"to": "no address"}, "to"),
        ({"to": "@example.org"}, "to"),
        ({"to": "a@b@c"}, "to"),
        ({"sender": "Shop\n <shop@example.com>"}, "sender"),
        ({"subject": "Hi\r\nBcc: all@example.org"}, "subject"),
        ({"subject": "Hi\u2028there"}, "subject"),
        ({"headers": {"X-A": "1\n2"}}, "header X-A"),
        ({"headers": {"X A": "1"}}, "headers"),
        ({"headers": {"Bcc": "all@example.org"}}, "headers"),
        ({"unsubscribe_url": "https://e.example/>\r\nBcc: x"}, "unsubscribe_url"),
        ({"attempt_id": 'a"b'}, "attempt_id"),
    ],
)
def test_header_injection_is_refused_naming_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused, match=f"^{field}"):
        build(message(**changes), "", NOW)


@given(text=st.text(max_size=400), subject=st.text(max_size=200), html=st.text(max_size=200))
def test_any_text_arrives_and_no_header_can_be_smuggled(text: str, subject: str, html: str) -> None:
    try:
        content = build(message(text=text, subject=subject, html=html), "", NOW).content
    except Refused:
        return
    mail = cast(EmailMessage, message_from_bytes(content, policy=policy.default))
    assert {name.lower() for name in mail} <= {
        *("from", "to", "subject", "date", "message-id", "mime-version", "auto-submitted"),
        *("content-type", "content-transfer-encoding"),
    }
    assert part(mail, "plain").split() == text.split()
