"""Large grammars: how fast they compile, how fast they understand, what they weigh, beside peers that understand less.

Peers, in the same run: Python's `re` with one alternation of everything (accepts, but cannot say after a key whether
more may come), and a trie of dictionaries (can, but knows neither repeats nor rules nor meaning). All in one process,
on one core. Ours is asked for the whole: each key or word followed by "matched? more?", then the way that matched.
"""

from __future__ import annotations

import gc
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from vxml.ecmascript import Engine
from vxml.grammar import Grammar, Matcher, link, parse_grammar, to_jsgf

ITEMS: Final = 10_000
SAMPLE: Final = 2_000
ROUNDS: Final = 5
LIMITS: Final = {"compile": 1_000.0, "match": 100.0, "key": 1_000.0}
_CHANCE: Final = random.Random(3)

T = TypeVar("T")
Trie = dict[str, Any]


def phrases() -> list[tuple[str, ...]]:
    """10,000 different ones of one to five words, from a vocabulary of 3,000."""
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
    words = sorted({"".join(_CHANCE.choices(syllables, k=3)) for _ in range(3_500)})[:3_000]
    made: dict[tuple[str, ...], None] = {}
    while len(made) < ITEMS:
        made[tuple(_CHANCE.choices(words, k=_CHANCE.randint(1, 5)))] = None
    return list(made)


def numbers() -> list[tuple[str, ...]]:
    """10,000 account numbers of ten digits."""
    return [tuple(f"{number:010}") for number in _CHANCE.sample(range(10**10), ITEMS)]


def as_xml(items: Sequence[tuple[str, ...]], mode: str) -> bytes:
    glue = " " if mode == "voice" else ""
    body = "".join(f"<item>{glue.join(item)}<tag>out={at}</tag></item>" for at, item in enumerate(items))
    head = f'xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="{mode}" xml:lang="en-US" root="r"'
    return f'<grammar {head} tag-format="semantics/1.0"><rule id="r"><one-of>{body}</one-of></rule></grammar>'.encode()


def as_abnf(items: Sequence[tuple[str, ...]], mode: str) -> bytes:
    body = " | ".join(f"{' '.join(item)} {{out={at}}}" for at, item in enumerate(items))
    head = f"#ABNF 1.0;\nlanguage en-US;\nmode {mode};\nroot $r;\ntag-format <semantics/1.0>;\n"
    return f"{head}$r = {body};\n".encode()


def trie_of(items: Sequence[tuple[str, ...]]) -> Trie:
    root: Trie = {}
    for at, item in enumerate(items):
        node = root
        for word in item:
            node = node.setdefault(word, {})
        node[""] = at
    return root


def best(make: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds of processor time of the fastest of some runs, and what it made."""
    took = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        made = make()
        took.append((time.process_time() - began) * 1000)
    return min(took), made


def weight(make: Callable[[], object]) -> float:
    """MB that what `make` makes keeps."""
    gc.collect()
    tracemalloc.start()
    held = make()
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held is not None
    return kept / 2**20


def by_grammar(grammar: Grammar, sample: Sequence[tuple[str, ...]]) -> None:
    for item in sample:
        matcher = Matcher(grammar)
        for word in item:
            assert matcher.can_go_on
            matcher.feed(word)
        assert matcher.matched
        assert matcher.steps()


def by_pattern(pattern: re.Pattern[str], sample: Sequence[str]) -> None:
    for text in sample:
        assert pattern.fullmatch(text)


def by_trie(trie: Trie, sample: Sequence[tuple[str, ...]]) -> None:
    for item in sample:
        node = trie
        for word in item:
            node = node[word]
        assert "" in node


def key_times(grammar: Grammar, sample: Sequence[tuple[str, ...]]) -> list[float]:
    """Microseconds of each key or word, sorted, collections of garbage left out."""
    took = []
    gc.disable()
    for item in sample:
        matcher = Matcher(grammar)
        for word in item:
            began = time.perf_counter()
            matcher.feed(word)
            took.append((time.perf_counter() - began) * 1e6)
    gc.enable()
    return sorted(took)


def show(what: str, value: float, unit: str, limit: float | None = None) -> bool:
    kept = limit is None or value <= limit
    beside = "" if limit is None else f"   (limit: <= {limit:g}{'' if kept else ': MISSED'})"
    print(f"{what:<58} {value:>10,.1f} {unit:<4}{beside}")
    return kept


def measure(name: str, mode: str, items: list[tuple[str, ...]]) -> bool:
    glue = " " if mode == "voice" else ""
    texts = [glue.join(item) for item in items]
    sample = _CHANCE.sample(items, SAMPLE)
    said = [glue.join(item) for item in sample]
    each = 1000 / SAMPLE
    print(f"--- {name}")
    kept = True
    for form, body in (("XML", as_xml(items, mode)), ("ABNF", as_abnf(items, mode))):
        took, grammar = best(lambda body=body: link(parse_grammar(body)))
        kept &= show(f"compile from {form}, {len(body) / 1024:,.0f} KB", took, "ms", LIMITS["compile"])
    took, pattern = best(lambda: _fresh_pattern(texts))
    show("  peer: re, one alternation", took, "ms")
    took, trie = best(lambda: trie_of(items))
    show("  peer: a trie of dictionaries, from ready tuples", took, "ms")
    kept &= show("understand one", best(lambda: by_grammar(grammar, sample))[0] * each, "us", LIMITS["match"])
    show("  peer: re, whole text at once", best(lambda: by_pattern(pattern, said))[0] * each, "us")
    show("  peer: a trie of dictionaries", best(lambda: by_trie(trie, sample))[0] * each, "us")
    times = key_times(grammar, sample)
    show("one key or word, median", times[len(times) // 2], "us")
    kept &= show("one key or word, p99", times[int(len(times) * 0.99)], "us", LIMITS["key"])
    engine = Engine()
    took, _ = best(lambda: _meanings(grammar, sample[:200], engine))
    show("understand one and run its tag", took * 1000 / 200, "us")
    show("memory", weight(lambda: link(parse_grammar(as_xml(items, mode)))), "MB")
    show("  peer: a trie of dictionaries", weight(lambda: trie_of(items)), "MB")
    parsed = parse_grammar(as_xml(items, mode))
    if mode == "voice":
        show("JSGF for the recogniser", best(lambda: to_jsgf(parsed))[0], "ms")
    return kept


def _fresh_pattern(texts: list[str]) -> re.Pattern[str]:
    re.purge()
    return re.compile("|".join(map(re.escape, texts)))


def _meanings(grammar: Grammar, sample: Sequence[tuple[str, ...]], engine: Engine) -> None:
    for item in sample:
        matcher = Matcher(grammar)
        for word in item:
            matcher.feed(word)
        assert isinstance(matcher.value(engine), int)


def main() -> int:
    kept = measure(f"{ITEMS:,} phrases of one to five words", "voice", phrases())
    return 0 if measure(f"{ITEMS:,} numbers of ten digits", "dtmf", numbers()) and kept else 1


if __name__ == "__main__":
    sys.exit(main())
