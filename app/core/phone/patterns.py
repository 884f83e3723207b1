"""How many of a number's first digits one of phonenumbers' patterns really looks at.

Numbering plans are written as regular expressions over digits, of literals, classes, groups, alternatives and counts
alone. `Pattern` reads such an expression as an automaton, so that it can be asked what the digits still to come could
change: most plans decide by the first four or five of ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"\\d|\[[0-9-]+\]|\(\?:|[()|?$0-9]|\{\d+(?:,\d+)?\}")
_ALL = frozenset("0123456789")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d+))?\}")

State = frozenset[int]


class Unreadable(ValueError):
    """Holds a sign that no numbering plan had until now: whoever asks does without."""


class Pattern:
    """One expression; states are opaque, `start` is the first."""

    def __init__(self, text: str) -> None:
        # A node is (digits, following node), ("", a node that may follow without a digit), or an end.
        self._digits: list[frozenset[str] | None] = []
        self._next: list[tuple[int, ...]] = []
        self._anywhere = self._node(None)
        self._at_end = self._node(None)
        words = _words(text)
        first, rest = self._alternatives(words, self._anywhere)
        if rest:
            raise Unreadable(text)
        self.start = self._closed(first)
        self._steps: dict[tuple[State, str], State] = {}
        self._outcomes: dict[tuple[State, int], bool | None] = {}
        self._silences: dict[tuple[State, int], bool] = {}

    def step(self, state: State, digit: str) -> State:
        key = (state, digit)
        found = self._steps.get(key)
        if found is None:
            following = (
                node for at in state for node in self._next[at] if (digits := self._digits[at]) and digit in digits
            )
            found = self._steps[key] = self._closed(*following)
        return found

    def matched(self, state: State) -> bool:
        """Whether the digits until here match, whatever follows."""
        return self._anywhere in state

    def outcome(self, state: State, left: int) -> bool | None:
        """Whether all (True) or none (False) of the ways to go on for `left` digits match to the end; None for some."""
        key = (state, left)
        if key not in self._outcomes:
            self._outcomes[key] = self._decide(state, left)
        return self._outcomes[key]

    def silent(self, state: State, left: int) -> bool:
        """Whether nothing matches at any of the next `left` digits either."""
        key = (state, left)
        found = self._silences.get(key)
        if found is None:
            found = self._silences[key] = self._is_silent(state, left)
        return found

    def _decide(self, state: State, left: int) -> bool | None:
        if not state:
            return False
        if left == 0:
            return self._anywhere in state or self._at_end in state
        seen: bool | None = None
        for following in {self.step(state, digit) for digit in _ALL}:
            found = self.outcome(following, left - 1)
            if found is None or (seen is not None and found is not seen):
                return None
            seen = found
        return seen

    def _is_silent(self, state: State, left: int) -> bool:
        if not state:
            return True
        if left == 0:
            return self._at_end not in state
        following = {self.step(state, digit) for digit in _ALL}
        return not any(self._anywhere in one or not self.silent(one, left - 1) for one in following)

    def _node(self, digits: frozenset[str] | None, *following: int) -> int:
        self._digits.append(digits)
        self._next.append(following)
        return len(self._next) - 1

    def _closed(self, *nodes: int) -> State:
        found, waiting = set[int](), list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                if self._digits[node] is None:
                    waiting += self._next[node]
        return frozenset(node for node in found if self._digits[node] is not None or not self._next[node])

    def _alternatives(self, words: list[str], following: int) -> tuple[int, list[str]]:
        """The node that the expression at the front of `words` begins with, and the words behind it."""
        branches, rest = [], words
        while True:
            items, rest = self._sequence(rest)
            node = following
            for text, repeat in reversed(items):
                node = self._repeated(text, repeat, node)
            branches.append(node)
            if not rest or rest[0] != "|":
                return self._node(None, *branches), rest
            rest = rest[1:]

    def _sequence(self, words: list[str]) -> tuple[list[tuple[list[str], str]], list[str]]:
        items: list[tuple[list[str], str]] = []
        at = 0
        while at < len(words) and words[at] not in ("|", ")"):
            end = _end_of_item(words, at)
            repeated = end < len(words) and (words[end] == "?" or words[end].startswith("{"))
            items.append((words[at:end], words[end] if repeated else ""))
            at = end + repeated
        return items, words[at:]

    def _repeated(self, item: list[str], repeat: str, following: int) -> int:
        counts = _REPEAT.fullmatch(repeat)
        least, most = (0, 1) if repeat == "?" else (1, 1)
        if counts:
            least, most = int(counts[1]), int(counts[2] or counts[1])
        node = following
        for number in range(most, 0, -1):
            once = self._once(item, node)
            node = once if number <= least else self._node(None, once, following)
        return node

    def _once(self, item: list[str], following: int) -> int:
        if item[0] == "$":
            if following != self._anywhere:
                raise Unreadable("$ inside")
            return self._at_end
        if item[0] in ("(", "(?:"):
            return self._alternatives(item[1:-1], following)[0]
        return self._node(frozenset(_digits(item[0])), following)


def _words(text: str) -> list[str]:
    words = _WORD.findall(text)
    if "".join(words) != text:
        raise Unreadable(text)
    return words


def _end_of_item(words: list[str], at: int) -> int:
    if words[at] not in ("(", "(?:"):
        return at + 1
    depth = 0
    for index in range(at, len(words)):
        depth += (words[index] in ("(", "(?:")) - (words[index] == ")")
        if depth == 0:
            return index + 1
    raise Unreadable("".join(words))


def _digits(word: str) -> Iterable[str]:
    if word == r"\d":
        return _ALL
    if not word.startswith("["):
        return word
    return _of_class(word[1:-1])


def _of_class(text: str) -> Iterator[str]:
    for first, last in re.findall(r"(\d)(?:-(\d))?", text):
        yield from (str(digit) for digit in range(int(first), int(last or first) + 1))
