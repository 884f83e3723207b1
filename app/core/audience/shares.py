"""Parts of a list by chance: a person's part follows from their ID and a word alone, so the same word gives the same
parts again, and who comes to the list later moves nobody else."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b

from common.errors import Refused

MOST_PARTS = 50
_COUNT = re.compile(r"[0-9]{1,3}")
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,4})?")


def read_shares(text: str) -> tuple[float, ...]:
    """The parts of one that a person wrote: "4" is four equal ones, "50, 30, 20" percentages. Raise Refused."""
    if _COUNT.fullmatch(text.strip()):
        count = int(text)
        if not 2 <= count <= MOST_PARTS:
            raise Refused(f"parts: give 2 to {MOST_PARTS} equal parts, or percentages such as 50, 30, 20")
        return (1 / count,) * count
    words = [word.strip().removesuffix("%").strip() for word in text.split(",") if word.strip()]
    if not words or len(words) > MOST_PARTS or not all(_PERCENT.fullmatch(word) for word in words):
        raise Refused("parts: write how many equal parts, such as 4, or percentages such as 50, 30, 20")
    percents = [float(word) for word in words]
    if min(percents) <= 0 or sum(percents) > 100.0001:
        raise Refused("parts: each percentage is more than 0, and together they are 100 at most")
    return tuple(percent / 100 for percent in percents)


def sizes(shares: Sequence[float], total: int) -> list[int]:
    """Of each part; equal ones differ by one at most."""
    ends = _ends(shares, total)
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def place(word: str, external_id: str) -> int:
    """Where the person stands among all, from 0 to 2**63 - 1."""
    digest = blake2b(f"{word}\n{external_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def cuts(shares: Sequence[float], places: Sequence[int]) -> list[int]:
    """The place at which each part ends, exclusive; `places` are sorted. What comes after the last is in no part."""
    return [places[end] if end < len(places) else 1 << 63 for end in _ends(shares, len(places))]


def part_of(where: int, ends: Sequence[int]) -> int:
    """The number of the part; as many as there are parts for none."""
    return bisect_right(ends, where)


def _ends(shares: Sequence[float], total: int) -> list[int]:
    reached, ends = 0.0, []
    for share in shares:
        reached += share
        ends.append(min(total, round(reached * total)))
    return ends
