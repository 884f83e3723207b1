"""Tokens of SRGS 1.0 (section 2.1): what is one word to the grammar, and how words are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from vxml.grammar.model import Expansion, GrammarError, Mode, Sequence, Token

_KEY: Final = re.compile(r"[0-9*#A-Da-d]+")
_KEY_WORDS: Final = {"star": "*", "pound": "#", "hash": "#"}
_QUOTED: Final = re.compile(r'"([^"]*)"')
_PUNCTUATION: Final = ".,;:!?"


def fold(text: str) -> str:
    """Words are alike whatever their case and however their accents are encoded."""
    return unicodedata.normalize("NFC", text).lower()


def words_of(text: str) -> list[str]:
    """An utterance as the matcher wants it, word by word, punctuation left out."""
    return [word for written in text.split() if (word := _bare(written))]


def _bare(word: str) -> str:
    """A word for comparing: "Boston," is "boston"."""
    return fold(word).rstrip(_PUNCTUATION)


def read_tokens(text: str, mode: Mode, line: int) -> list[Expansion]:
    """The tokens of a stretch of text; what stands in double quotes is one token."""
    if mode is Mode.DTMF:
        return [_key_token(key) for key in split_keys(text, line)]
    made: list[Expansion] = []
    at = 0
    for quoted in _QUOTED.finditer(text):
        made += _plain(text[at : quoted.start()])
        made += one_token(quoted[1], mode, line)
        at = quoted.end()
    return made + _plain(text[at:])


def _plain(text: str) -> list[Expansion]:
    return [word_token(word) for word in text.replace('"', " ").split() if _bare(word)]


@lru_cache(maxsize=32)
def _key_token(key: str) -> Token:
    return Token(frozenset(key), key)


@lru_cache(maxsize=8192)
def word_token(word: str) -> Token:
    """The token of one word; large grammars have each of their words many times."""
    return Token(frozenset((_bare(word),)), word)


def one_token(text: str, mode: Mode, line: int) -> list[Expansion]:
    """`text` as a single token, though it may have white space in it."""
    if mode is Mode.DTMF:
        if not text.strip():
            raise GrammarError("a token without a key: remove it or write its key", line)
        return read_tokens(text, mode, line)
    words = [word for word in text.split() if _bare(word)]
    if not words:
        raise GrammarError("a token without a word: remove it or write its word", line)
    if len(words) < 2:
        return [word_token(words[0])]
    parts = [Token(frozenset((_bare(word),)), "") for word in words[:-1]]
    return [Sequence((*parts, Token(frozenset((_bare(words[-1]),)), " ".join(words))))]


def split_keys(text: str, line: int = 1) -> list[str]:
    """Keys of a DTMF string: "1 2", "12" and the words star and pound are understood."""
    keys: list[str] = []
    for word in text.replace('"', " ").split():
        if word.lower() in _KEY_WORDS:
            keys.append(_KEY_WORDS[word.lower()])
        elif _KEY.fullmatch(word):
            keys += word.upper()
        else:
            raise GrammarError(f'"{word}" is no telephone key: a dtmf grammar has 0 to 9, *, # and A to D', line)
    return keys
