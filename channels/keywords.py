"""Words a person sends back by SMS to stop, to get help or to return: one row per regulation.

CTIA Messaging Principles: STOP and its like, HELP, START. FCC 47 CFR 64.1200(a)(10), from 11 April 2025: stop, quit,
end, revoke, opt out, cancel, unsubscribe, and any other reasonable wording. Other languages by what their carriers and
providers take for the same; accents do not matter.
"""

from __future__ import annotations

import re
import unicodedata
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
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Asked:
    """`language` is that of the words, two letters."""

    keyword: Keyword
    language: str


def _abroad(language: str, stop: str, help_: str, start: str) -> tuple[KeywordRule, ...]:
    """Words apart by commas, without accents."""
    given = ((Keyword.STOP, stop), (Keyword.HELP, help_), (Keyword.START, start))
    return tuple(
        KeywordRule("carriers' lists", date(2019, 7, 1), keyword, frozenset(words.split(",")), language=language)
        for keyword, words in given
    )


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
    *_abroad(
        "fr", "arret,arreter,arretez,desabonner,desinscrire,desinscription,resilier", "aide", "commencer,reprendre"
    ),
    *_abroad("es", "alto,parar,pare,cancelar,baja,darse de baja,no mas", "ayuda", "comenzar,iniciar,empezar"),
    *_abroad("de", "stopp,halt,ende,abmelden,abbestellen,kundigen", "hilfe", "anmelden,weiter"),
    *_abroad("pt", "parar,pare,sair,cancelar,remover,descadastrar", "ajuda", "iniciar,comecar"),
    *_abroad("it", "ferma,basta,annulla,cancella,disiscrivimi,disiscriviti", "aiuto", "inizia,riprendi"),
    *_abroad("nl", "stoppen,afmelden,uitschrijven", "hulp", "aanmelden"),
    *_abroad("pl", "koniec,wypisz,rezygnuje,anuluj", "pomoc", "wznow"),
)


def asked_by(text: str, on: date, rules: Iterable[KeywordRule] = RULES) -> Asked | None:
    """What an inbound text asks for under the rules in force on that day; STOP wins over everything else."""
    plain = " ".join(re.sub(r"[^\w-]+", " ", _without_accents(text.casefold())).split())
    found: dict[Keyword, str] = {}
    for rule in rules:
        whole = plain.strip("- ") in rule.words
        if rule.since <= on and (whole or any(re.search(phrase, plain) for phrase in rule.phrases)):
            found.setdefault(rule.keyword, rule.language)
    return next((Asked(keyword, found[keyword]) for keyword in Keyword if keyword in found), None)


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
