"""Words a person sends back by SMS to stop, to get help or to return: one row per regulation.

CTIA Messaging Principles: STOP and its like, HELP, START. FCC 47 CFR 64.1200(a)(10), from 11 April 2025: stop, quit,
end, revoke, opt out, cancel, unsubscribe, and any other reasonable wording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Keyword(StrEnum):
    #: No more messages.
    STOP = "stop"
    #: Who are you, how do I stop this?
    HELP = "help"
    #: Messages are welcome again.
    START = "start"


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """`words` count when they are the whole text; `phrases` (regular expressions) anywhere in it."""

    source: str
    since: date
    keyword: Keyword
    words: frozenset[str]
    phrases: tuple[str, ...] = ()


RULES: tuple[KeywordRule, ...] = (
    KeywordRule(
        "CTIA Messaging Principles and Best Practices",
        date(2019, 7, 1),
        Keyword.STOP,
        frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit"}),
    ),
    KeywordRule(
        "47 CFR 64.1200(a)(10)",
        date(2025, 4, 11),
        Keyword.STOP,
        frozenset({"stop", "quit", "end", "revoke", "optout", "opt out", "cancel", "unsubscribe"}),
        (
            r"\b(?:stop|quit) (?:texting|messaging|calling|contacting|sending)\b",
            r"\bopt(?: |-)?(?:me )?out\b",
            r"\bunsubscribe\b",
            r"\bremove me\b",
            r"\bleave me alone\b",
            r"\b(?:do not|don t|dont|never) (?:text|message|call|contact)\b",
            r"^(?:please )?stop\b",
            r"\bstop(?: please)?$",
        ),
    ),
    KeywordRule("CTIA Short Code Handbook", date(2019, 7, 1), Keyword.HELP, frozenset({"help", "info"})),
    KeywordRule(
        "CTIA Messaging Principles and Best Practices",
        date(2019, 7, 1),
        Keyword.START,
        frozenset({"start", "yes", "unstop"}),
    ),
)


def keyword_of(text: str, on: date, rules: Iterable[KeywordRule] = RULES) -> Keyword | None:
    """What an inbound text asks for under the rules in force on that day; STOP wins over everything else."""
    plain = " ".join(re.sub(r"[^\w-]+", " ", text.casefold()).split())
    found = {
        rule.keyword
        for rule in rules
        if rule.since <= on
        and (plain.strip("- ") in rule.words or any(re.search(phrase, plain) for phrase in rule.phrases))
    }
    return next((keyword for keyword in Keyword if keyword in found), None)
