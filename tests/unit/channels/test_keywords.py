from __future__ import annotations

from datetime import date

import pytest

from channels.keywords import Asked, Keyword, asked_by
from channels.sms_replies import reply_to

TODAY = date(2026, 1, 5)


def keyword_of(text: str, on: date) -> Keyword | None:
    asked = asked_by(text, on)
    return asked.keyword if asked else None


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop.", " Stop! ", "STOPALL", "Unsubscribe", "CANCEL", "end", "Quit", "REVOKE", "OPTOUT", "opt out"),
        *("opt-out", "Please stop", "stop texting me", "Stop it now", "do not text me again", "Don't call this number"),
        *("remove me from your list", "I want to opt me out", "STOP please", "unsubscribe me pls"),
    ],
)
def test_any_reasonable_way_to_say_stop_counts(text: str) -> None:
    assert keyword_of(text, TODAY) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    ["I will pay at the end of the month", "Thanks", "", "can I cancel my order number 5?", "quite", "stopwatch"],
)
def test_ordinary_words_are_no_keyword(text: str) -> None:
    assert keyword_of(text, TODAY) is None


@pytest.mark.parametrize(
    ("text", "keyword"),
    [("help", Keyword.HELP), ("Info?", Keyword.HELP), ("START", Keyword.START), ("yes", Keyword.START)],
)
def test_help_and_start_are_told(text: str, keyword: Keyword) -> None:
    assert keyword_of(text, TODAY) is keyword


def test_a_rule_counts_from_its_date() -> None:
    assert keyword_of("revoke", date(2025, 4, 10)) is None
    assert keyword_of("revoke", date(2025, 4, 11)) is Keyword.STOP


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("ARRÊT", Asked(Keyword.STOP, "fr")),
        ("arret.", Asked(Keyword.STOP, "fr")),
        ("Baja", Asked(Keyword.STOP, "es")),
        ("no más", Asked(Keyword.STOP, "es")),
        ("Kündigen!", Asked(Keyword.STOP, "de")),
        ("SAIR", Asked(Keyword.STOP, "pt")),
        ("afmelden", Asked(Keyword.STOP, "nl")),
        ("stop", Asked(Keyword.STOP, "en")),
        ("Hilfe", Asked(Keyword.HELP, "de")),
        ("empezar", Asked(Keyword.START, "es")),
    ],
)
def test_other_languages_have_words_of_their_own(text: str, asked: Asked) -> None:
    assert asked_by(text, TODAY) == asked


def test_the_answer_is_in_the_language_of_the_word_and_names_who_writes() -> None:
    assert reply_to(Asked(Keyword.STOP, "de"), "Klinik").startswith("Klinik: ")
    assert "START" in reply_to(Asked(Keyword.STOP, "de"), "")
    assert reply_to(Asked(Keyword.HELP, "xx"), "") == reply_to(Asked(Keyword.HELP, "en"), "")
    for language in ("en", "fr", "es", "de", "pt", "it", "nl", "pl"):
        for keyword in Keyword:
            assert 0 < len(reply_to(Asked(keyword, language), "N" * 40)) <= 320
