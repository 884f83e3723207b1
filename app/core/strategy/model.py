"""A strategy as frozen values. Times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any

#: Next states that are no handler.
DONE = "done"
WAIT = "wait"
NEXT_ADDRESS = "next-address"
RESERVED = frozenset({DONE, WAIT, NEXT_ADDRESS})


class Channel(StrEnum):
    VOICE = "voice"
    SMS = "sms"
    EMAIL = "email"


class Counting(StrEnum):
    """POM's two ways to count retries (Global Configurations, "Retry Count per Completion Code")."""

    #: One counter for all codes of an action: the default.
    ACTION = "action"
    #: Each completion code has its own.
    CODE = "code"


@dataclass(frozen=True, slots=True)
class AddressRef:
    """The name of a contact's address (phone1, email), with its own contact time in the zone of the address.

    Where `earliest` is later than `latest` the time wraps midnight; None on both is no limit.
    """

    name: str
    earliest: time | None = None
    latest: time | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """`intervals` are seconds, one per retry or one for all (the last is repeated)."""

    count: int
    intervals: tuple[float, ...]
    fail_state: str
    addresses: tuple[AddressRef, ...] = ()
    looping: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What follows the codes: a retry, or the next state."""

    codes: frozenset[str]
    next_state: str
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """The action is not done for a contact whose attribute compares so."""

    attribute: str
    operator: str  # equal | not-equal | less | greater | in | empty
    value: str = ""

    def holds(self, values: Mapping[str, Any]) -> bool:
        """A missing attribute is empty text; less and greater compare numbers, and what is no number never holds."""
        actual = values.get(self.attribute)
        text = "" if actual is None else str(actual)
        match self.operator:
            case "equal":
                return text == self.value
            case "not-equal":
                return text != self.value
            case "in":
                return text in {item.strip() for item in self.value.split(",")}
            case "empty":
                return not text
            case _:
                return _compares(text, self.operator, self.value)


def _compares(text: str, operator: str, bound: str) -> bool:
    try:
        left, right = float(text), float(bound)
    except ValueError:
        return False
    return left < right if operator == "less" else left > right


@dataclass(frozen=True, slots=True)
class Action:
    """One try by one channel. `texts` and `subjects` map a language to a template; "" is any other language."""

    channel: Channel
    addresses: tuple[AddressRef, ...]
    results: tuple[Result, ...]
    default_next: str = DONE
    #: How long a call may ring.
    timeout: float = 45.0
    #: How long `wait` waits for a receipt.
    wait: float = 86400.0
    sender: str = ""
    texts: tuple[tuple[str, str], ...] = ()
    subjects: tuple[tuple[str, str], ...] = ()
    restrictions: tuple[Restriction, ...] = ()

    def result_for(self, code: str) -> Result | None:
        return next((result for result in self.results if code in result.codes), None)

    def all_addresses(self) -> tuple[AddressRef, ...]:
        """The action's addresses, then those that only its retries name."""
        known = {ref.name: ref for ref in self.addresses}
        for result in self.results:
            for ref in result.retry.addresses if result.retry else ():
                known.setdefault(ref.name, ref)
        return tuple(known.values())


@dataclass(frozen=True, slots=True)
class Handler:
    name: str
    action: Action
    line: int = 0


@dataclass(frozen=True, slots=True)
class Strategy:
    name: str
    initial: str
    handlers: Mapping[str, Handler]
    counting: Counting = Counting.ACTION
    #: The most attempts one contact may get in a job, whatever the handlers say.
    max_attempts: int = 20
    #: Version of the XML format.
    version: int = 1
    description: str = ""
