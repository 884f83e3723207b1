"""Several grammars as one that a speech recogniser can take: JSGF over numbered words, and the words apart.

What a recogniser is told so is free of whatever a script's author wrote into a token; how a word sounds is its own
business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vxml.grammar.model import Grammar, GrammarError

_HEAD = "#JSGF V1.0 UTF-8;\ngrammar clarion;\n"


@dataclass(frozen=True, slots=True)
class WordGrammar:
    """`jsgf` has the token `w0` for the first of `words`, `w1` for the second ...; its public rule is `<all>`."""

    jsgf: str
    words: tuple[str, ...]
    language: str


def for_recognizer(grammars: Sequence[Grammar]) -> WordGrammar:
    """All of `grammars` side by side. Raise GrammarError where one cannot be written for a recogniser."""
    numbers: dict[str, int] = {}

    def spell(word: str) -> str:
        return f"w{numbers.setdefault(word, len(numbers))}"

    rules, roots = [], []
    for index, grammar in enumerate(grammars):
        if grammar.jsgf is None:
            raise GrammarError("a grammar that was made without its rules cannot be listened for")
        # The writer's rules are <r0>, the public one, <r1> ...; each grammar gets names of its own.
        body = grammar.jsgf(spell).split("\n", 2)[2]
        rules.append(body.replace("public <r", "<r").replace("<r", f"<g{index}r"))
        roots.append(f"<g{index}r0>")
    languages = {grammar.language for grammar in grammars}
    jsgf = f"{_HEAD}public <all> = {' | '.join(roots)};\n{''.join(rules)}"
    return WordGrammar(jsgf, tuple(numbers), min(languages, default=""))
