"""Patterns of numbers that are never taken and never dialled, in the signs that POM has for them.

A digit is itself, `?` any digit, `[0-35]` one of those, `*` any run of digits and none, `100-199` a number from the
first to the last. With + in front a pattern is laid on the whole of E.164; else on the number without its country
code, of one country or of any. It has to fit from the first digit to the last: `900*` is what begins with 900.

All patterns of an organization are one automaton, whose states are made as they are met: a number costs a look or
two for every four of its digits, however many patterns there are and whatever is written in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from app.core.phone.blocks import country_code
from common.errors import Refused

#: Signs of one pattern, and ways that its ranges may be read.
_LONGEST, _MOST_WAYS = 60, 64
_ANY = frozenset("0123456789")
#: Stands for `*` among the digits that may come.
_RUN: frozenset[str] = frozenset()
_WORD = re.compile(r"[0-9]+(?:-[0-9]+)?|\?|\*|\[[^\]]*\]")
_CLASS = re.compile(r"\[(?:[0-9](?:-[0-9])?)+\]")
_DIGITS_AT_ONCE = 4
#: Signs of E.164 that are looked at first, the + among them; heads that are kept.
_HEAD, _MOST_HEADS = 7, 100_000
#: Of an automaton, before it is made anew.
_MOST_STEPS = 300_000

Way = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class RejectPattern:
    """`country` is the one whose numbers are meant, "" for all; `reason` is what people are told."""

    text: str
    reason: str = ""
    country: str = ""

    @property
    def words(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"matches the reject pattern {self.text}{why}"


class RejectPatterns:
    """All of them at once. Raise Refused for one that cannot be read."""

    def __init__(self, patterns: Iterable[RejectPattern] = ()) -> None:
        self.patterns = tuple(patterns)
        self._whole = Automaton(self._ways(whole=True))
        self._national = Automaton(self._ways(whole=False))
        #: By the first signs of E.164: the state that they lead to behind the country code.
        self._heads: dict[str, State] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RejectPatterns) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def find(self, e164: str, country: str) -> RejectPattern | None:
        """The first that matches."""
        hits = sorted((*self._whole.matches(e164[1:]), *self._national.matches(e164[_HEAD:], self._head(e164))))
        return next((self.patterns[at] for at in hits if self.patterns[at].country in ("", country)), None)

    def may_match(self, e164: str) -> bool:
        """Quickly; True also for a pattern of another country."""
        state = self._heads.get(e164[:_HEAD]) or self._head(e164)
        if state.bits and self._national.matches(e164[_HEAD:], state):
            return True
        return bool(self._whole.start.bits and self._whole.matches(e164[1:]))

    def _head(self, e164: str) -> State:
        head = e164[:_HEAD]
        state = self._heads.get(head)
        if state is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            national = head[1 + len(str(country_code(head[1:]))) :]
            state = self._heads[head] = self._national.after(national, self._national.start)
        return state

    def _ways(self, *, whole: bool) -> Iterator[tuple[int, Way]]:
        for at, pattern in enumerate(self.patterns):
            if pattern.text.startswith("+") is whole:
                for way in ways(pattern.text.removeprefix("+")):
                    yield at, way


def check_pattern(text: str) -> str:
    """Without spaces. Raise Refused with the mend."""
    plain = text.replace(" ", "")
    if not plain.removeprefix("+"):
        raise Refused("pattern: is empty; write digits and * ? [ ] -, such as 900* or [2-9]??555????")
    if len(plain) > _LONGEST:
        raise Refused(f"pattern: {_LONGEST} signs at most")
    found = ways(plain.removeprefix("+"))
    if all(digits is _RUN for way in found for digits in way):
        raise Refused("pattern: would refuse every number; give at least one digit or ?")
    return plain


def ways(text: str) -> list[Way]:
    """What may come, digit by digit; several where a range needs it. Raise Refused for what is no pattern."""
    words = _WORD.findall(text)
    if "".join(words) != text:
        raise Refused(
            "pattern: use digits, * for any digits, ? for one, [13-5] for one of several, 100-199 for a range"
        )
    parts = [_part(word) for word in words]
    count = 1
    for part in parts:
        count *= len(part)
    if count > _MOST_WAYS:
        raise Refused("pattern: its ranges are too many for one pattern; make several of it")
    return [_without_repeated_runs(sum(chosen, ())) for chosen in product(*parts)]


def _part(word: str) -> list[Way]:
    if word == "*":
        return [(_RUN,)]
    if word == "?":
        return [(_ANY,)]
    if word.startswith("["):
        if not _CLASS.fullmatch(word):
            raise Refused(f"pattern: {word} is no choice of digits; write such as [2-9] or [135]")
        pairs = re.findall(r"([0-9])(?:-([0-9]))?", word)
        if any(high and high < low for low, high in pairs):
            raise Refused(f"pattern: {word} goes from the larger to the smaller; turn it round")
        return [(frozenset(digit for low, high in pairs for digit in _between(low, high or low)),)]
    low, dash, high = word.partition("-")
    if not dash:
        return [tuple(frozenset(digit) for digit in low)]
    if len(low) != len(high) or low > high:
        raise Refused(
            f"pattern: {word} is no range: write two numbers of as many digits, the smaller first, such as 100-199. "
            "Leave out dashes between groups of digits"
        )
    return list(_range(low, high))


def _range(low: str, high: str) -> Iterator[Way]:
    """Numbers from `low` to `high`, of one length, as few ways as it takes."""
    if not low:
        yield ()
        return
    size = len(low) - 1
    if low[0] == high[0] or (low[1:], high[1:]) == ("0" * size, "9" * size):
        rest = _range(low[1:], high[1:]) if low[0] == high[0] else [(_ANY,) * size]
        first = frozenset(_between(low[0], high[0]))
        yield from ((first, *each) for each in rest)
        return
    for each in _range(low[1:], "9" * size):
        yield (frozenset(low[0]), *each)
    inner = frozenset(_between(low[0], high[0])) - {low[0], high[0]}
    if inner:
        yield (inner, *(_ANY,) * size)
    for each in _range("0" * size, high[1:]):
        yield (frozenset(high[0]), *each)


def _between(low: str, high: str) -> Iterator[str]:
    return (str(digit) for digit in range(int(low), int(high) + 1))


def _without_repeated_runs(way: Way) -> Way:
    return tuple(digits for at, digits in enumerate(way) if digits is not _RUN or at == 0 or way[at - 1] is not _RUN)


class State:
    __slots__ = ("bits", "hits", "next")

    def __init__(self, bits: int, hits: tuple[int, ...]) -> None:
        self.bits = bits
        self.hits = hits
        self.next: dict[str, State] = {}


class Automaton:
    """Every place of every way is a bit; a state is the set of places where the next digit may be looked at."""

    def __init__(self, numbered: Iterable[tuple[int, Way]]) -> None:
        self._by_digit = dict.fromkeys("0123456789", 0)
        self._runs = 0
        self._ends: list[tuple[int, int]] = []
        first, at = 0, 0
        for number, way in numbered:
            first |= 1 << at
            for digits in way:
                self._runs |= (digits is _RUN) << at
                for digit in digits:
                    self._by_digit[digit] |= 1 << at
                at += 1
            self._ends.append((1 << at, number))
            at += 1
        self._nothing = State(0, ())
        self._first = self._with_runs(first)
        self._forget()

    def matches(self, digits: str, state: State | None = None) -> tuple[int, ...]:
        """The numbers of those that fit all of the digits, which go on from a state."""
        return self.after(digits, state or self.start).hits

    def after(self, digits: str, state: State) -> State:
        for at in range(0, len(digits), _DIGITS_AT_ONCE):
            if not state.bits:
                return self._nothing
            few = digits[at : at + _DIGITS_AT_ONCE]
            state = state.next.get(few) or self._learn(state, few)
        return state

    def _learn(self, state: State, few: str) -> State:
        self._learnt += 1
        if self._learnt > _MOST_STEPS:
            self._forget()
        bits = state.bits
        for digit in few:
            bits = self._with_runs((bits & self._by_digit[digit]) << 1 | (bits & self._runs))
        found = self._states.get(bits)
        if found is None:
            found = self._states[bits] = self._state(bits)
        state.next[few] = found
        return found

    def _with_runs(self, bits: int) -> int:
        """A run may be none: what comes after it may come at once."""
        return bits | (bits & self._runs) << 1

    def _state(self, bits: int) -> State:
        return State(bits, tuple(dict.fromkeys(number for end, number in self._ends if bits & end)))

    def _forget(self) -> None:
        self._learnt = 0
        self._states: dict[int, State] = {}
        self.start = self._states[self._first] = self._state(self._first)
