"""The builtin grammars of VoiceXML 2.1 (appendix P) for telephone keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from vxml.grammar.model import (
    Alternatives,
    Expansion,
    Grammar,
    GrammarError,
    Mode,
    ParsedGrammar,
    Repeat,
    Sequence,
    Token,
)
from vxml.grammar.program import link
from vxml.grammar.spoken import digit_range, read_spec

_DIGITS: Final = frozenset("0123456789")
_KEYS: Final = _DIGITS | frozenset("*#ABCD")


@lru_cache(maxsize=256)
def builtin_grammar(spec: str) -> Grammar:
    """The grammar for `digits?length=4`, `boolean?y=7;n=9` and the like; GrammarError where there is none."""
    name, parameters = read_spec(spec)
    maker = _MAKERS.get(name)
    if maker is None:
        raise GrammarError(f'there is no builtin grammar "{name}": use one of {", ".join(sorted(_MAKERS))}')
    expansion, convert = maker(parameters)
    compiled = link(ParsedGrammar(Mode.DTMF, "root", {"root": expansion}, frozenset()))
    return Grammar(Mode.DTMF, compiled.code, plain=True, convert=convert)


_Made = tuple[Expansion, Callable[[str], Any] | None]


def _run(low: int, high: int | None, keys: frozenset[str] = _DIGITS) -> Expansion:
    return Repeat(Token(keys), low, high)


def _digits(parameters: Mapping[str, str]) -> _Made:
    return _run(*digit_range(parameters)), None


def _boolean(parameters: Mapping[str, str]) -> _Made:
    yes, no = parameters.get("y", "1"), parameters.get("n", "2")
    if len(yes) != 1 or len(no) != 1 or yes == no or not {yes, no} <= _KEYS:
        raise GrammarError("boolean: y and n are two different keys")
    return Token(frozenset((yes, no))), lambda keys: keys == yes


def _date(_: Mapping[str, str]) -> _Made:
    return _run(8, 8), None


def _time(_: Mapping[str, str]) -> _Made:
    # Keys cannot say a.m. or p.m.: 12-hour readings are marked ambiguous ("?"), others as 24-hour ("h").
    def convert(keys: str) -> str:
        hour = int(keys[:2])
        return keys + ("?" if 1 <= hour <= 12 else "h")

    return _run(4, 4), convert


def _decimal() -> Expansion:
    return Sequence((_run(1, None), Repeat(Sequence((Token(frozenset("*")), _run(0, None))), 0, 1)))


def _number_grammar(_: Mapping[str, str]) -> _Made:
    star_first = Sequence((Token(frozenset("*")), _run(1, None)))
    return Alternatives((_decimal(), star_first)), lambda keys: keys.replace("*", ".").rstrip(".")


def _currency(_: Mapping[str, str]) -> _Made:
    return _decimal(), lambda keys: keys.replace("*", ".").rstrip(".")


def _phone(_: Mapping[str, str]) -> _Made:
    extension = Repeat(Sequence((Token(frozenset("*")), _run(1, None))), 0, 1)
    return Sequence((_run(1, None), extension)), lambda keys: keys.replace("*", "x")


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, str]], _Made]]] = {
    "boolean": _boolean,
    "currency": _currency,
    "date": _date,
    "digits": _digits,
    "number": _number_grammar,
    "phone": _phone,
    "time": _time,
}
