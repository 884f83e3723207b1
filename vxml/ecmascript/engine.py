"""The border to ECMAScript: scopes by number, values as JSON, limits on time and memory.

With a time limit set, quickjs cannot call Python; everything a script may reach therefore lives in `kernel.js`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import quickjs

from common.errors import ClarionError
from vxml.budget import CpuBudget

#: Seconds that every call gets, at the very end of its session's time too.
_LEAST: Final = 0.01
#: Characters that scripts may hand out between two inputs of the caller.
_MOST_HANDED_OUT: Final = 8 << 20
#: Scope numbers, outermost first: session, application, document, dialog, anonymous.
Chain = tuple[int, int, int, int, int]

_KERNEL: Final = (Path(__file__).parent / "kernel.js").read_text("utf-8")
_DOM: Final = (Path(__file__).parent / "dom.js").read_text("utf-8")
_SISR: Final = (Path(__file__).parent / "sisr.js").read_text("utf-8")
_LIMIT_MESSAGE: Final = re.compile(r"InternalError: (interrupted|out of memory)|^null$")
_LITERAL: Final = re.compile(r"(?P<number>0|[1-9][0-9]{0,14})|'(?P<string>[^'\\\n\r]*)'")
_LONE_SURROGATE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")
_CANDIDATE: Final = re.compile(r"(?:\b(?:var|let|const|class|function\s*\*?)\s*|[,{\[:]\s*)([A-Za-z_$][\w$]*)")


#: What a grammar made undefined is null in `application.lastresult$`.
_RESULTS: Final = json.JSONEncoder(default=lambda _: None)


class Undefined:
    """ECMAScript's undefined, which JSON has no word for."""

    def __repr__(self) -> str:
        return "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


class ScriptError(ClarionError):
    """An expression or script failed: VoiceXML's error.semantic."""


class ScriptLimit(ClarionError):
    """A script used up its time or memory; its session must end."""


class Engine:
    """One session's ECMAScript. `time_limit` is CPU seconds of one call, `budget` a turn's, `memory_limit` bytes."""

    def __init__(
        self, *, time_limit: float = 1.0, memory_limit: int = 32 << 20, budget: CpuBudget | None = None
    ) -> None:
        self._context = quickjs.Context()
        self._context.set_memory_limit(memory_limit)
        self._find = self._context.eval(_KERNEL)
        self._context.set_time_limit(time_limit)
        self._time_limit = time_limit
        self._budget = budget or CpuBudget(math.inf)
        self._shortened = False
        self._handed_out = 0
        self._operations: dict[str, Any] = {}
        self._dom: Any = None
        self._sisr: Any = None
        self._scopes = 0
        self._free_scopes: list[int] = []

    def _run(self, operation: str, *arguments: Any) -> Any:
        function = self._operations.get(operation)
        if function is None:
            function = self._operations[operation] = self._find(operation)
        if self._shortened or time.perf_counter() > self._budget.alarm - self._time_limit:
            self._fit_limit()
        try:
            return function(*arguments)
        except quickjs.JSException as error:
            message = str(error).partition("\n")[0]
            if _LIMIT_MESSAGE.search(message):
                raise ScriptLimit(f"a script exceeded its limits ({message})") from error
            raise ScriptError(message) from error

    def _fit_limit(self) -> None:
        """Let the next call take no longer than the turn may go on."""
        left = self._budget.left()
        self._shortened = left < self._time_limit
        self._context.set_time_limit(max(_LEAST, left) if self._shortened else self._time_limit)

    def _take(self, text: str) -> str:
        """Text that a script hands out: what it comes to in one turn is limited, since others must keep it."""
        self._handed_out += len(text)
        if self._handed_out > _MOST_HANDED_OUT:
            raise ScriptLimit(f"scripts handed out more than {_MOST_HANDED_OUT} characters in one turn")
        return text

    def new_turn(self) -> None:
        """The caller did something."""
        self._handed_out = 0

    def new_scope(self, name: str = "") -> int:
        """A new empty scope in which `name` (say "document") is the scope itself."""
        if self._free_scopes:
            scope = self._free_scopes.pop()
        else:
            scope = self._scopes
            self._scopes += 1
        self._run("scope", scope, name)
        return scope

    def drop_scope(self, scope: int) -> None:
        """Its number, and with it its memory, goes to the next new scope."""
        self._free_scopes.append(scope)

    def name_scope(self, scope: int, name: str) -> None:
        self._run("alias", scope, name)

    def freeze(self, scope: int) -> None:
        self._run("freeze", scope)

    def evaluate(self, source: str, chain: Chain) -> Any:
        """The expression's value as JSON would carry it, or UNDEFINED."""
        value = literal(source)
        return decode(self._take(self._run("json", source, *chain))) if value is None else value

    def test(self, source: str, chain: Chain) -> bool:
        return bool(self._run("test", source, *chain))

    def text(self, source: str, chain: Chain) -> str:
        value = literal(source)
        return str(decode(self._take(self._run("text", source, *chain))) if value is None else value)

    def declare(self, scope: int, name: str, source: str | None, chain: Chain) -> None:
        if source is None:
            self._run("declare", scope, name)
        elif (value := literal(source)) is not None:
            self.set(scope, name, value)
        else:
            self._run("define", scope, name, source, *chain)

    def assign(self, name: str, source: str, chain: Chain) -> None:
        """Raise ScriptError where `name` was never declared."""
        self._run("run", f"{name}=(\n{source}\n)", *chain)

    def set(self, scope: int, name: str, value: Any) -> None:
        self._run("set", scope, name, encode(value))

    def fields(self, names: Iterable[str], chain: Chain) -> list[tuple[str, str]]:
        """Names and strings to send for variables; objects and arrays member by member, undefined left out."""
        found = self._take(self._run("fields", json.dumps([*names]), *chain))
        return [(name, text) for name, text in json.loads(f"[{found[1:]}]")]

    def set_members(self, scope: int, name: str, names: Iterable[str], chain: Chain) -> None:
        """Let a variable be an object with each of the variables `names` as `chain` sees them."""
        self._run("members", scope, name, json.dumps([*names]), *chain)

    def copy(self, scope: int, name: str, source_scope: int, source: str) -> None:
        self._run("copy", scope, name, source_scope, source)

    def set_document(self, scope: int, name: str, nodes: list[Any]) -> None:
        """Let `name` be the read-only DOM of an XML document, given as dom.js wants it."""
        if self._dom is None:
            self._dom = self._context.eval(_DOM)
        self._run("document", scope, name, self._dom, json.dumps(nodes))

    def is_filled(self, scope: int, name: str) -> bool:
        """Whether the variable holds anything but undefined."""
        return bool(self._run("filled", scope, name))

    def run_script(self, source: str, target: int, chain: Chain) -> None:
        """Run statements; the names they declare land in `target`."""
        self._run("script", source, json.dumps(declared_names(source)), target, *chain)

    def interpret(self, scripts: Iterable[tuple[str, str]], steps: Iterable[tuple[str, ...]]) -> Any:
        """The semantic value (SISR 1.0) of a matched grammar path.

        `scripts` are header tags, each with the grammar it belongs to ("" for the one that was matched).
        """
        header = [(grammar, text, ",".join(declared_names(text))) for grammar, text in scripts]
        named = [
            ("tag", step[1], ",".join(declared_names(step[1])))
            if step[0] == "tag"
            else ("enter", step[1], step[3])
            if step[0] == "enter"
            else step[:2]
            for step in steps
        ]
        if self._sisr is None:
            self._sisr = self._context.eval(_SISR)
        return decode(self._run("interpret", self._sisr, json.dumps(header), json.dumps(named)))

    def set_last_result(self, application: int, results: list[dict[str, Any]]) -> None:
        self._run("lastresult", application, _RESULTS.encode(results))

    def keep_array(self, scope: int, source: str, chain: Chain) -> int:
        """Keep a copy of the array in `scope` to loop over; answers its length."""
        return int(self._run("loop", scope, source, *chain))

    def set_element(self, scope: int, name: str, kept: int, index: int) -> None:
        """Set a variable to an element of the array kept in scope `kept`."""
        self._run("element", scope, name, kept, index)

    def check_expression(self, source: str) -> None:
        """Raise ScriptError when `source` is not an expression."""
        self._run("syntax", source)

    def check_script(self, source: str) -> None:
        self._run("block", source)


@lru_cache(maxsize=4096)
def literal(source: str) -> int | str | None:
    """The value of a plain literal, which needs no engine: much of what pages write in `expr`."""
    match = _LITERAL.fullmatch(source)
    if match is None:
        return None
    return int(source) if match["number"] else match["string"]


def encode(value: Any) -> str:
    if value is True:
        return "true"
    return "u" if isinstance(value, Undefined) else json.dumps(value)


def decode(text: str) -> Any:
    """JSON from the kernel. Half surrogate pairs, which no other part can write out, become U+FFFD."""
    if text == "u":
        return UNDEFINED
    return json.loads(_LONE_SURROGATE.sub(r"\1\\ufffd", text) if "\\ud" in text else text)


_names_by_digest: dict[bytes, tuple[str, ...]] = {}


def declared_names(source: str) -> tuple[str, ...]:
    """Names that `source` declares at its top level.

    A name is declared there exactly when putting `let NAME;` before the script makes it a redeclaration, which the
    engine refuses to compile. Groups that compile are ruled out at once.
    """
    digest = hashlib.blake2b(source.encode("utf-8", "replace")).digest()
    names = _names_by_digest.get(digest)
    if names is None:
        names = _probe_names(source)
        if len(_names_by_digest) > 4096:
            _names_by_digest.clear()
        _names_by_digest[digest] = names
    return names


@lru_cache(maxsize=1)
def _probe() -> Any:
    context = quickjs.Context()
    context.set_memory_limit(64 << 20)
    return context.eval("(source) => { try { new Function(source); return true } catch (e) { return false } }")


def _probe_names(source: str) -> tuple[str, ...]:
    compiles = _probe()
    usable = [name for name in dict.fromkeys(_CANDIDATE.findall(source)) if compiles(f"let {name};")]
    if not compiles(source):
        return ()
    groups, found = [usable], []
    while groups:
        group = groups.pop()
        if not group or compiles(f"let {','.join(group)};\n{source}"):
            continue
        if len(group) == 1:
            found.append(group[0])
        else:
            middle = len(group) // 2
            groups += [group[:middle], group[middle:]]
    return tuple(sorted(found))
