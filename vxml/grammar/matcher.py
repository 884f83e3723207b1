"""Running a compiled grammar over keys or words, one at a time.

All ways through the grammar are followed at once (as Thompson and Pike run regular expressions), the earlier
written alternative first, so that the cost of a key does not depend on how ambiguous the grammar is.
"""

from __future__ import annotations

from typing import Any, Final

from vxml.ecmascript import Engine
from vxml.grammar.model import Grammar, Mode, Op, Step

#: A list of n things that is written as a recursive rule goes n deep.
_MAX_RULE_DEPTH: Final = 256
_MAX_THREADS: Final = 20_000
#: Places come to in one attempt: a second of work, which only a hostile grammar needs.
_MAX_WORK: Final = 400_000
_EATS: Final = frozenset((Op.TOKEN, Op.DISPATCH, Op.ANY))

#: A chain of what was passed on the way here: (earlier, step).
_History = tuple[Any, Step] | None


class Frame:
    """Where a rule goes on when it is left. The same call from the same frame is the same frame."""

    __slots__ = ("back", "depth", "inner", "outer")

    def __init__(self, outer: Frame | None, back: int, depth: int) -> None:
        self.outer = outer
        self.back = back
        self.depth = depth
        self.inner: dict[int, Frame] = {}

    def enter(self, back: int) -> Frame:
        frame = self.inner.get(back)
        if frame is None:
            frame = self.inner[back] = Frame(self, back, self.depth + 1)
        return frame


_Thread = tuple[int, Frame, _History]


class Matcher:
    """One attempt to match `grammar`. `matched`: what was fed is a whole sentence; `can_go_on`: more may follow."""

    __slots__ = ("_final", "_since", "_threads", "_words", "_work", "can_go_on", "grammar", "matched")

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._words: list[str] = []
        self._final: _History = None
        self.matched = False
        self.can_go_on = False
        self._threads: list[_Thread] = []
        self._since = 0
        self._work = 0
        self._follow([(0, Frame(None, 0, 0), None)])

    def feed(self, word: str) -> None:
        self._words.append(word)
        code = self.grammar.code
        ready: list[_Thread] = []
        for pc, frame, history in self._threads:
            instruction = code[pc]
            op = instruction[0]
            if op == Op.TOKEN:
                if word in instruction[1]:
                    ready.append((pc + 1, frame, _eaten(history, instruction[2], word)))
            elif op == Op.ANY:
                ready.append((pc + 1, frame, (history, ("garbage", word))))
            else:
                for target, step in instruction[1].get(word, ()):
                    ready.append((target, frame, _eaten(history, step, word)))
        self._follow(ready)

    def give_up(self) -> None:
        """Match nothing any more, whatever is fed."""
        self._threads = []
        self.matched = self.can_go_on = False

    def accepts(self, word: str) -> bool:
        """Whether `word` could come next."""
        for pc, _, _ in self._threads:
            instruction = self.grammar.code[pc]
            if instruction[0] == Op.ANY or word in instruction[1]:
                return True
        return False

    def _follow(self, ready: list[_Thread]) -> None:
        """Run every thread up to its next word; keep the first of those that come to the same place."""
        code = self.grammar.code
        self.matched = False
        seen: set[tuple[int, Frame]] = set()
        waiting: list[_Thread] = []
        work = ready[::-1]
        while work and len(seen) < _MAX_THREADS:
            pc, frame, history = work.pop()
            key = (pc, frame)
            if key in seen:
                continue
            seen.add(key)
            instruction = code[pc]
            op = instruction[0]
            if op in _EATS:
                waiting.append((pc, frame, history))
            elif op == Op.SPLIT:
                work += [(target, frame, history) for target in reversed(instruction[1])]
            elif op == Op.JUMP:
                work.append((instruction[1], frame, history))
            elif op == Op.CALL:
                if frame.depth < _MAX_RULE_DEPTH:
                    work.append((instruction[1], frame.enter(pc + 1), (history, instruction[2])))
            elif op == Op.RETURN:
                assert frame.outer is not None
                work.append((frame.back, frame.outer, (history, instruction[1])))
            elif op == Op.TAG:
                work.append((pc + 1, frame, (history, instruction[1])))
            elif op == Op.MATCH and not self.matched:
                self.matched = True
                self._final = history
        self._threads = waiting
        self.can_go_on = bool(waiting)
        self._work += len(seen)
        if self._work - self._since > _MAX_THREADS:
            self._forget_frames()
        if self._work > _MAX_WORK:
            self.give_up()

    def _forget_frames(self) -> None:
        """Let go of frames that no thread comes back to, so that memory does not grow with the input's length."""
        live: set[Frame] = set()
        for _, frame, _ in self._threads:
            at: Frame | None = frame
            while at is not None and at not in live:
                live.add(at)
                at = at.outer
        for frame in live:
            frame.inner = {back: inner for back, inner in frame.inner.items() if inner in live}
        self._since = self._work

    @property
    def text(self) -> str:
        """What was fed: keys run together, words with spaces."""
        return ("" if self.grammar.mode is Mode.DTMF else " ").join(self._words)

    def value(self, engine: Engine) -> Any:
        """The semantic value of the match; ScriptError when one of its tags fails."""
        if self.grammar.convert is not None:
            return self.grammar.convert(self.text)
        if self.grammar.plain:
            return self.text
        return engine.interpret(self.grammar.scripts, self.steps())

    def steps(self) -> list[Step]:
        """The way through the grammar that matched, in order."""
        steps = []
        at = self._final
        while at is not None:
            at, step = at
            steps.append(step)
        return steps[::-1]


def _eaten(history: _History, step: Step | None, word: str) -> _History:
    if step is None:
        return history
    return history, step if len(step) > 1 else ("token", word)
