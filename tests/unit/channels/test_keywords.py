from __future__ import annotations

from datetime import date

import pytest

from channels.keywords import Keyword, keyword_of

TODAY = date(2026, 1, 5)


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
