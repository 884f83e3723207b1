"""The values a session hands out when it ends, kept to a size and depth that everybody who takes them can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

#: Stands where something was too large or too deep.
TOO_LARGE: Final = "(too large)"
MAX_DEPTH: Final = 32
#: Bytes of JSON, all values together.
MAX_BYTES: Final = 64 << 10
#: Beyond it an ECMAScript number is no exact integer, and JSON readers with 64 bits would refuse it.
_EXACT: Final = 1 << 53


def limited(values: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`values` with TOO_LARGE in place of what exceeds the limits, and the names of those that did.

    Earlier names come first: a later value that no longer fits is replaced as a whole.
    """
    kept: dict[str, Any] = {}
    cut: list[str] = []
    room = MAX_BYTES
    for name, value in values.items():
        shallow, was_deep = _cut_depth(value, MAX_DEPTH)
        size = _size(shallow)
        fits = size <= room
        if fits:
            room -= size
        if was_deep or not fits:
            cut.append(name)
        kept[name] = shallow if fits else TOO_LARGE
    return kept, tuple(cut)


def _cut_depth(value: Any, levels: int) -> tuple[Any, bool]:
    """`value` with at most so many arrays and objects inside each other, and whether anything was cut."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return float(value), False
    if not isinstance(value, dict | list):
        return value, False
    if levels == 0:
        return TOO_LARGE, True
    if isinstance(value, list):
        items = [_cut_depth(inner, levels - 1) for inner in value]
        return [inner for inner, _ in items], any(cut for _, cut in items)
    members = {key: _cut_depth(inner, levels - 1) for key, inner in value.items()}
    return {key: inner for key, (inner, _) in members.items()}, any(cut for _, cut in members.values())


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
