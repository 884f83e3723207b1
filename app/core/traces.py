"""What a person leaves in texts and files: how their numbers, emails, names and IDs are found and blotted out. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Self

import phonenumbers

from common.errors import ClarionError

#: What stands where something was blotted out.
BLOT = "(erased)"
#: Between the digits of a number as people write it.
BETWEEN = r"[\s().\-/\u00a0\u2010-\u2015]"
#: Shorter IDs (7, A12) are no more the person's than anybody's.
_SHORTEST_ID = 5
_SHORTEST_NUMBER = 6


@dataclass(frozen=True)
class Traces:
    """`phones` are E.164, `emails` in small letters, `names` first and last."""

    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    names: frozenset[tuple[str, str]] = frozenset()
    ids: frozenset[str] = frozenset()

    def found_in(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def blot(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(BLOT, text)

    def blot_json(self, value: Any) -> Any:
        """The same in every string of a JSON value, keys too."""
        if isinstance(value, str):
            return self.blot(value)
        if isinstance(value, dict):
            return {self.blot(name): self.blot_json(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.blot_json(inner) for inner in value]
        return value

    def hints(self) -> tuple[str, ...]:
        """Texts that the product wrote (numbers as E.164, JSON with or without escapes) hold one of these where they
        hold a trace; small letters. For a first look in SQL."""
        words = {_national(phone) for phone in self.phones} | self.emails
        words |= {last for _, last in self._whole_names} | set(self._long_ids)
        # SQLite knows the small letters of ASCII alone.
        words = {spelled for word in words if word for spelled in (_ascii_lower(word), word.lower())}
        return tuple(sorted(words | {json.dumps(word)[1:-1].lower() for word in words}))

    def spellings(self) -> Iterator[str]:
        """Everything that is searched for: numbers as digits alone, with and without what may stand before them."""
        for phone in self.phones:
            national = _national(phone)
            code = phone.removeprefix("+").removesuffix(national)
            for before in ("", "0", code, f"{code}0", f"00{code}", f"00{code}0") if code else ("",):
                yield before + national
        yield from self.emails
        for pair in self._whole_names:
            for first, last in product(*map(_ways, pair)):
                yield f"{first} {last}"
                yield f"{last} {first}"
        yield from self._long_ids

    def to_json(self) -> dict[str, Any]:
        return {
            "phones": sorted(self.phones),
            "emails": sorted(self.emails),
            "names": sorted(self.names),
            "ids": sorted(self.ids),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Self:
        names = frozenset((first, last) for first, last in body["names"])
        return cls(frozenset(body["phones"]), frozenset(body["emails"]), names, frozenset(body["ids"]))

    @property
    def _whole_names(self) -> Iterable[tuple[str, str]]:
        return (pair for pair in sorted(self.names) if all(pair))

    @property
    def _long_ids(self) -> Iterable[str]:
        return (name for name in self.ids if len(name) >= _SHORTEST_ID)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        parts = [_number(phone) for phone in sorted(self.phones)]
        parts += [rf"(?<![\w.+-]){re.escape(email)}(?![\w-])" for email in sorted(self.emails)]
        for first, last in self._whole_names:
            pair = (_spelled(first), _spelled(last))
            parts += [rf"(?<!\w){one}[\s,;|\"']{{1,4}}{other}(?!\w)" for one, other in (pair, pair[::-1])]
        parts += [rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(self._long_ids)]
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def anonymous(value: Any) -> Any:
    """A JSON value of the same form that says nothing: of a record that is about the person alone."""
    if isinstance(value, dict):
        return {name: anonymous(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [anonymous(inner) for inner in value]
    return BLOT if isinstance(value, str) and value else value


def _ascii_lower(word: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in word)


def _ways(name: str) -> list[str]:
    """As it is, and as JSON kept as a text escapes it."""
    return sorted({name, *(json.dumps(way)[1:-1] for way in (name, name.lower(), name.upper()))})


def _spelled(name: str) -> str:
    return f"(?:{'|'.join(map(re.escape, _ways(name)))})"


def _number(phone: str) -> str:
    """With or without the country's code, the zero before the area code, and signs between."""
    national = _national(phone)
    code = phone.removeprefix("+").removesuffix(national)
    any_sign = f"{BETWEEN}*"
    before = rf"(?:(?:\+|00)?{any_sign}{code}{any_sign})?(?:\(?0\)?{any_sign})?" if code else r"\+?"
    return rf"(?<!\d){before}{any_sign.join(national)}(?!\d)"


def _national(phone: str) -> str:
    try:
        national = str(phonenumbers.parse(phone).national_number)
    except phonenumbers.NumberParseException as error:
        raise TracesError(f"{phone!r} is no number with + and country code") from error
    return national if len(national) >= _SHORTEST_NUMBER else phone.removeprefix("+")


class TracesError(ClarionError):
    """A trace is not in the form that look-ups have."""
