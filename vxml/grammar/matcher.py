"""Running a compiled grammar over keys or words, one at a time.

All ways through the grammar are followed at once (as Thompson and Pike run regular expressions), the earlier
written alternative first, so that the cost of a key does not depend on how ambiguous the grammar is.
"""

from __future__ import annotations

from typing import Any, Final

from vxml.ecmascript import Engine
from vxml.grammar.model import Grammar, Mode, Op

_MAX_RULE_DEPTH: Final = 64
_MAX_THREADS: Final = 20_000

#: One thing passed on the way: (kind, text) or (kind, text, as written).
Step = tuple[str, ...]
#: A chain of what was passed on the way here: (earlier, step).
_History = tuple[Any, Step] | None
#: Where to return to: (depth, return address, rule name, outer).
_Stack = tuple[int, int, str, Any] | None
_Thread = tuple[int, _Stack, _History]


class Matcher:
    """One attempt to match `grammar`. `matched`: what was fed is a whole sentence; `can_go_on`: more may follow."""

    __slots__ = ("_final", "_threads", "_words", "can_go_on", "grammar", "matched")

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._words: list[str] = []
        self._final: _History = None
        self.matched = False
        self.can_go_on = False
        self._threads: list[_Thread] = []
        self._follow([(0, None, None)])

    def feed(self, word: str) -> None:
        self._words.append(word)
        code = self.grammar.code
        ready: list[_Thread] = []
        for pc, stack, history in self._threads:
            instruction = code[pc]
            op = instruction[0]
            if op == Op.TOKEN:
                if word in instruction[1]:
                    ready.append((pc + 1, stack, _eaten(history, instruction[2], word)))
            elif op == Op.ANY:
                ready.append((pc + 1, stack, (history, ("garbage", word))))
            else:
                for target, text in instruction[1].get(word, ()):
                    ready.append((target, stack, _eaten(history, text, word)))
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
        seen: set[tuple[int, _Stack]] = set()
        waiting: list[_Thread] = []
        work = ready[::-1]
        while work and len(seen) < _MAX_THREADS:
            pc, stack, history = work.pop()
            key = (pc, stack)
            if key in seen:
                continue
            seen.add(key)
            instruction = code[pc]
            op = instruction[0]
            if op in (Op.TOKEN, Op.DISPATCH, Op.ANY):
                waiting.append((pc, stack, history))
            elif op == Op.SPLIT:
                work += [(target, stack, history) for target in reversed(instruction[1])]
            elif op == Op.JUMP:
                work.append((instruction[1], stack, history))
            elif op == Op.CALL:
                depth = stack[0] + 1 if stack else 1
                if depth <= _MAX_RULE_DEPTH:
                    entered = (history, ("enter", instruction[2], instruction[3]))
                    work.append((instruction[1], (depth, pc + 1, instruction[2], stack), entered))
            elif op == Op.RETURN:
                assert stack is not None
                work.append((stack[1], stack[3], (history, (self._exit_kind(), stack[2]))))
            elif op == Op.TAG:
                kind = "literal" if instruction[2] else "tag"
                work.append((pc + 1, stack, (history, (kind, instruction[1], instruction[3]))))
            elif op == Op.MATCH and not self.matched:
                self.matched = True
                self._final = history
        self._threads = waiting
        self.can_go_on = bool(waiting)

    def _exit_kind(self) -> str:
        return "exit-dtmf" if self.grammar.mode is Mode.DTMF else "exit"

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


def _eaten(history: _History, text: str | None, word: str) -> _History:
    if text == "":
        return history
    return history, ("token", word if text is None else text)
