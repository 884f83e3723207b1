"""What a reader has learnt about number blocks, as plain values that another process may go on with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.phone.numbers import Block, NumberReader

#: Digits that a block kept leaves open, so that its first ones are nobody's number.
_OPEN = 3


def remembered(reader: NumberReader) -> dict[str, Any]:
    """For JSON. Blocks of one kind are one: a table says of first digits which, or below zero at how many to look."""
    kinds: dict[Block, int] = {}
    tables = [
        {
            str(length): {
                digits: kinds.setdefault(found, len(kinds)) if isinstance(found, Block) else -1 - found
                for digits, found in dict(table).items()
                if len(digits) + _OPEN <= length
            }
            for length, table in by_length.items()
        }
        for by_length in reader.tables
    ]
    return {"kinds": [_values(kind) for kind in kinds], "tables": tables}


def recall(reader: NumberReader, kept: Mapping[str, Any]) -> None:
    """Go on with what a reader of the same home country had learnt."""
    kinds = [_block(values) for values in kept["kinds"]]
    for by_length, theirs in zip(reader.tables, kept["tables"], strict=True):
        for length, table in theirs.items():
            known = {digits: kinds[place] if place >= 0 else -1 - place for digits, place in table.items()}
            mine = by_length[int(length)]
            before = len(mine)
            mine.update(known)
            reader.learnt += len(mine) - before


def _values(kind: Block) -> list[Any]:
    return [kind.lead, kind.cut, kind.refusal, kind.country, kind.zones_text, kind.type, kind.exists]


def _block(values: list[Any]) -> Block:
    lead, cut, refusal, country, zones, kind, exists = values
    return Block(lead, cut, refusal, country, tuple(zones.split(",")) if zones else (), zones, kind, exists)
