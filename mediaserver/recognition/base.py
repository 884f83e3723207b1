"""The `SpeechRecognizer` port: one utterance and the grammar it was spoken under in, what it may have been out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from common.errors import ClarionError
from vxml.grammar import WordGrammar


class RecognizerFailed(ClarionError):
    """The recogniser is overworked, hung, or could not be started."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Mu-law at 8 kHz with a little silence around the words."""

    audio: bytes = field(repr=False)
    grammar: WordGrammar = field(repr=False)
    max_results: int = 1
    #: 1 for the best recognition, 0 for the fastest.
    accuracy: float = 0.5


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`confidence` is 0 to 1: under 0.5 the words are likelier not among those of the grammar at all."""

    text: str
    confidence: float


class SpeechRecognizer(Protocol):
    """`name` tells recognisers apart in logs; `languages` are primary tags ("en").

    `builtins` are the builtin grammars it understands well enough to listen for, None for all: where a caller types
    digits, a recogniser that cannot tell them would only take noise for a wrong answer.
    """

    name: str
    languages: frozenset[str]
    builtins: frozenset[str] | None

    async def recognize(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
        """Words of the grammar only, likeliest first, empty where none were heard. Raise RecognizerFailed."""
        ...

    def prepare(self) -> None:
        """Somebody began to speak: what takes time to start may start."""
        ...

    async def close(self) -> None: ...


class TableRecognizer:
    """The in-memory adapter: `hear` says what audio is."""

    name = "table"
    languages = frozenset(("en",))
    builtins: frozenset[str] | None = None

    def __init__(self, hear: Callable[[bytes], tuple[Hypothesis, ...]]) -> None:
        self._hear = hear

    async def recognize(self, utterance: Utterance) -> tuple[Hypothesis, ...]:
        known = frozenset(utterance.grammar.words)
        heard = [one for one in self._hear(utterance.audio) if known.issuperset(one.text.split())]
        return tuple(sorted(heard, key=lambda one: -one.confidence)[: utterance.max_results])

    def prepare(self) -> None:
        """Always ready."""

    async def close(self) -> None:
        """Holds nothing."""
