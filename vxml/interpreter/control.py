"""How steps of the interpreter wait, jump and fail.

The interpreter is written as generators: `yield` hands an `Await` to the session and comes back with what happened.
Jumps and events are exceptions, caught by the algorithm whose turn they end.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from vxml.messages import EndReason, Input


@dataclass(frozen=True, slots=True)
class AwaitFetch:
    """Go on with the `Fetched` or `FetchFailed` of this id."""

    id: int


@dataclass(frozen=True, slots=True)
class AwaitInput:
    """Go on with the next input of the call, or with None once `deadline` (if any) has passed."""

    deadline: float | None = None


Await = AwaitFetch | AwaitInput
T = TypeVar("T")
Steps = Generator[Await, Input | None, T]


class Thrown(Exception):
    """A VoiceXML event on its way to a `<catch>`. `line` is where it was thrown, 0 where no element did."""

    def __init__(self, event: str, message: str = "", line: int = 0) -> None:
        super().__init__(f"{event}: {message}" if message else event)
        self.event = event
        self.message = message
        self.line = line
        #: The `<filled>` that threw it: counters and catches of its item or form apply (section 5.2.2).
        self.filled: Any = None
        #: Catches that had it and passed it on by `<rethrow>`; the last is the one that has it now.
        self.seen_by: list[Any] = []


class Jump(Exception):
    """Leave the dialog for `target` (a context's Target)."""

    def __init__(self, target: Any) -> None:
        super().__init__("jump")
        self.target = target


class NextItem(Exception):
    """`<goto nextitem>`: visit that item of the form next."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Exit(Exception):
    """The session is to end."""

    def __init__(self, reason: EndReason, values: Mapping[str, Any] | None = None, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.values: Mapping[str, Any] = values or {}
        self.detail = detail


class Return(Exception):
    """`<return>`: the subdialog is over; its values are the variable `HELD` of `scope`, or there is an `event`."""

    HELD = "returned"

    def __init__(self, names: Sequence[str], scope: int, event: str = "", message: str = "") -> None:
        super().__init__("return")
        self.names = names
        self.scope = scope
        self.event = event
        self.message = message


class Runaway(Exception):
    """The script does not come to rest; the session ends."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the caller said or typed, as a grammar read it."""

    value: Any
    utterance: str
    mode: str
    confidence: float = 1.0
    #: The use of the grammar that matched (collect.ActiveGrammar).
    active: Any = field(default=None, repr=False)
    #: markname and marktime, where a mark was passed before.
    mark: Mapping[str, Any] = field(default_factory=dict)
