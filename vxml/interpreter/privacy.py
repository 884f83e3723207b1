"""What was typed under `clarion.private` and where it has gone, so that it can be masked.

Values are followed by content, not only by variable: a card number copied to another variable, put into an object or
read back with spaces between its digits is still found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

MASK: Final = "•"
#: Shorter secrets (a CVV, a year) are recognised only when they are the whole value.
_CONTAINED_FROM: Final = 4
_LOOSE: Final = re.compile(r"[\s.,\-–/]+")


class Privacy:
    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._names: set[str] = set()

    def add(self, name: str, value: Any) -> None:
        """`name` holds `value`, typed or spoken privately."""
        if name:
            self._names.add(name)
        for text in _strings(value):
            if text:
                self._secrets.add(_LOOSE.sub("", text))

    def is_private(self, name: str, value: Any) -> bool:
        if not self._secrets and not self._names:
            return False
        return name.rpartition(".")[2] in self._names or any(self.has_secret(text) for text in _strings(value))

    def has_secret(self, text: str) -> bool:
        """Whether `text` is or contains a private value, also when written with separators."""
        if not self._secrets:
            return False
        packed = _LOOSE.sub("", text)
        return any(
            secret == packed or (len(secret) >= _CONTAINED_FROM and secret in packed) for secret in self._secrets
        )

    def mask(self, text: str) -> str:
        """`text` with private values replaced; wholly masked where one hides behind separators."""
        if not self._secrets or not self.has_secret(text):
            return text
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _CONTAINED_FROM or secret == text:
                text = text.replace(secret, MASK * len(secret))
        return MASK * len(text) if self.has_secret(text) else text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
