"""A grammar as JSGF, for recognisers that read that (pocketsphinx): words only, no meaning.

What the recogniser hears is then matched by our own automaton, which has the tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vxml.grammar.model import (
    Alternatives,
    Expansion,
    GrammarError,
    ParsedGrammar,
    Repeat,
    RuleRef,
    Sequence,
    Special,
    Tag,
    Token,
)

#: Repeats are written out up to here; more times are as any number.
_WRITTEN_OUT = 12
_MAX_LENGTH = 1 << 20


def to_jsgf(
    grammar: ParsedGrammar,
    externals: Mapping[str, ParsedGrammar] | None = None,
    rule: str = "",
    base: str = "",
    spell: Callable[[str], str] = str,
) -> str:
    """Raise GrammarError where a reference leads nowhere. GARBAGE becomes nothing: a recogniser needs words.

    `spell` gives the token that stands for a word.
    """
    return _Writer(grammar, externals or {}, base, spell).write(rule)


class _Writer:
    def __init__(
        self, grammar: ParsedGrammar, externals: Mapping[str, ParsedGrammar], base: str, spell: Callable[[str], str]
    ) -> None:
        self._grammars = {**externals, "": grammar}
        self._base = base
        self._spell = spell
        self._names: dict[tuple[str, str], str] = {}
        self._waiting: list[tuple[str, str]] = []

    def write(self, rule: str) -> str:
        grammar = self._grammars[""]
        start = rule or grammar.root or next(iter(grammar.rules), "")
        lines = ["#JSGF V1.0 UTF-8;", "grammar clarion;"]
        public = self._name("", start)
        while self._waiting:
            url, name = self._waiting.pop(0)
            written = self._write(self._grammars[url].rules[name], url)
            label = self._names[url, name]
            lines.append(f"{'public ' if label == public else ''}<{label}> = {written or '<NULL>'};")
        return "\n".join(lines) + "\n"

    def _name(self, url: str, name: str) -> str:
        place = (url, name)
        if place not in self._names:
            if url not in self._grammars or name not in self._grammars[url].rules:
                raise GrammarError(f'there is no rule "{name}" in {url or "the grammar"}')
            self._names[place] = f"r{len(self._names)}"
            self._waiting.append(place)
        return self._names[place]

    def _write(self, item: Expansion, url: str) -> str:
        match item:
            case Token(words):
                spelt = [self._spell(word) for word in sorted(words)]
                return " | ".join(spelt) if len(spelt) < 2 else f"({' | '.join(spelt)})"
            case Sequence(items):
                return " ".join(filter(None, (self._write(part, url) for part in items)))
            case Alternatives(options, weights):
                shares = [f"/{weight:g}/ " if weight > 0 else "" for weight in weights] or [""] * len(options)
                written = (self._write(option, url) or "<NULL>" for option in options)
                return "(" + " | ".join(share + one for share, one in zip(shares, written, strict=True)) + ")"
            case Repeat(inner, low, high):
                return self._repeat(self._write(inner, url), low, high)
            case RuleRef():
                target = self._grammars[url].resolve(url or self._base, item.url) if item.url else url
                name = item.rule or (self._grammars[target].root if target in self._grammars else "")
                return f"<{self._name(target, name)}>"
            case Special.VOID:
                return "<VOID>"
            case Tag() | Special.NULL | Special.GARBAGE:
                return ""
        raise AssertionError(item)

    def _repeat(self, inner: str, low: int, high: int | None) -> str:
        if not inner or high == 0:
            return ""
        if len(inner) * min(high or low + 1, _WRITTEN_OUT + 1) > _MAX_LENGTH:
            raise GrammarError("the grammar is too large for a recogniser once its repeats are written out")
        if high is None or high > _WRITTEN_OUT:
            low = min(low, _WRITTEN_OUT)
            return f"({inner})*" if low == 0 else " ".join([f"({inner})"] * (low - 1) + [f"({inner})+"])
        optional = ""
        for _ in range(high - low):
            optional = f"[({inner}){' ' + optional if optional else ''}]"
        return " ".join(filter(None, [*([f"({inner})"] * low), optional]))
