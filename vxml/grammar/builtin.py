"""The builtin grammars of VoiceXML 2.0 (appendix P) for telephone keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
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

_DIGITS: Final = "0123456789"
_KEYS: Final = frozenset(_DIGITS + "*#ABCD")


@lru_cache(maxsize=256)
def builtin_grammar(spec: str) -> Grammar:
    """The grammar for `digits?length=4`, `boolean?y=7;n=9` and the like; GrammarError where there is none."""
    name, parameters = read_spec(spec)
    maker = _MAKERS.get(name)
    if maker is None:
        raise GrammarError(f'there is no builtin grammar "{name}": use one of {", ".join(sorted(_MAKERS))}')
    expansion, convert = maker(parameters)
    compiled = link(ParsedGrammar(Mode.DTMF, "root", {"root": expansion}, frozenset()))
    return replace(compiled, plain=True, convert=convert)


_Made = tuple[Expansion, Callable[[str], Any] | None]


def _key(keys: str) -> Token:
    return Token(frozenset(keys))


def _run(low: int, high: int | None) -> Expansion:
    return Repeat(_key(_DIGITS), low, high)


def _two(*ways: tuple[str, str]) -> Expansion:
    """Two digits: of each way, one of the first and one of the second."""
    return Alternatives(tuple(Sequence((_key(first), _key(second))) for first, second in ways))


def _point(low: int, high: int | None) -> Expansion:
    return Sequence((_key("*"), _run(low, high)))


def _digits(parameters: Mapping[str, str]) -> _Made:
    return _run(*digit_range(parameters)), None


def _boolean(parameters: Mapping[str, str]) -> _Made:
    yes, no = parameters.get("y", "1"), parameters.get("n", "2")
    if len(yes) != 1 or len(no) != 1 or yes == no or not {yes, no} <= _KEYS:
        raise GrammarError("boolean: y and n are two different keys")
    return _key(yes + no), lambda keys: keys == yes


def _date(_: Mapping[str, str]) -> _Made:
    month = _two(("0", "123456789"), ("1", "012"))
    day = _two(("0", "123456789"), ("12", _DIGITS), ("3", "01"))
    return Sequence((_run(4, 4), month, day)), None


def _time(_: Mapping[str, str]) -> _Made:
    # Keys cannot say a.m. or p.m.: 12-hour readings are ambiguous ("?"), others are of the 24-hour clock ("h").
    def convert(keys: str) -> str:
        return keys + ("?" if 1 <= int(keys[:2]) <= 12 else "h")

    return Sequence((_two(("01", _DIGITS), ("2", "0123")), _two(("012345", _DIGITS)))), convert


def _whole(keys: str) -> str:
    """Without leading zeros, which would make it octal to older ECMAScript."""
    return keys.lstrip("0") or "0"


def _number(_: Mapping[str, str]) -> _Made:
    def convert(keys: str) -> str:
        whole, _, fraction = keys.partition("*")
        return _whole(whole) + (f".{fraction}" if fraction else "")

    return Alternatives((Sequence((_run(1, None), Repeat(_point(0, None), 0, 1))), _point(1, None))), convert


def _currency(_: Mapping[str, str]) -> _Made:
    def convert(keys: str) -> str:
        whole, _, fraction = keys.partition("*")
        return f"{_whole(whole)}.{fraction.ljust(2, '0')}"

    return Alternatives((Sequence((_run(1, None), Repeat(_point(0, 2), 0, 1))), _point(1, 2))), convert


def _phone(_: Mapping[str, str]) -> _Made:
    return Sequence((_run(1, None), Repeat(_point(1, None), 0, 1))), lambda keys: keys.replace("*", "x")


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, str]], _Made]]] = {
    "boolean": _boolean,
    "currency": _currency,
    "date": _date,
    "digits": _digits,
    "number": _number,
    "phone": _phone,
    "time": _time,
}
