"""Number blocks: the shortest leading digits that leave nothing open about a number of a given length.

What phonenumbers says of a number (valid or not, its type, country and zones, and how its digits are read) hangs on
its plan's patterns and on the zones' prefixes. Where the digits still to come can change none of these, one judgement
of any number of the block is true of all of them; a block is never guessed. Numbers whose block cannot be bounded are
judged one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.tzdata import TIMEZONE_DATA

from app.core.phone.patterns import Pattern, State, Unreadable

#: Digits that are looked at, one after the other, until they are enough.
LEVELS = (4, 5, 6, 7, 8, 10)
#: Digits of the numbers that come in blocks: shorter ones are emergency and short codes, which are always judged.
LENGTHS = range(8, 16)
_DESCRIPTIONS = (
    "general_desc", "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
    "fixed_line", "mobile",
)  # fmt: skip
_LONGEST_CODE = 3


@dataclass(frozen=True, slots=True)
class _Plan:
    """The patterns of one country code: whole ones with the lengths they hold for, and those of first digits."""

    whole: tuple[tuple[Pattern, frozenset[int]], ...]
    leading: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """The first `level` digits tell the block; phonenumbers takes the first `stripped` off as a national prefix."""

    level: int
    stripped: int


def bound(digits: str, home_country: str) -> Bound | None:
    """The block that the number lies in, by one of `LEVELS`; None where none can be told.

    Without a home country the digits begin with a country code. With one they are as dialled within it.
    """
    try:
        for level in LEVELS:
            if level < len(digits):
                known, length = digits[:level], len(digits)
                stripped = _national(known, length, home_country) if home_country else _international(known, length)
                if stripped is not None:
                    return Bound(level, stripped)
    except Unreadable:
        return None
    return None


@lru_cache(maxsize=1 << 15)
def _international(known: str, length: int) -> int | None:
    code = country_code(known)
    if not code:
        return None
    offset = len(str(code))
    national = known[offset:]
    parsing = _metadata(code, COUNTRY_CODE_TO_REGION_CODE[code][0])
    if _strips(parsing, national, length - offset) != 0:
        return None
    return 0 if _plan_decided(code, national, length - offset) and not _zones_differ(known) else None


@lru_cache(maxsize=1 << 15)
def _national(known: str, length: int, home_country: str) -> int | None:
    home = PhoneMetadata.metadata_for_region(home_country, None)
    if home is None or home.country_code is None or home.general_desc is None:
        return None
    code = home.country_code
    stripped = _strips(home, known, length)
    if stripped is None or not _silent(home.international_prefix, known, length):
        return None
    if known.startswith(str(code)) and not (code == 1 and stripped == 1 and known[1] != "1"):
        # It may be the country code without its +, which phonenumbers finds out by the whole number.
        return None
    decided = (
        _decided(home.general_desc.national_number_pattern, known, length)
        and _plan_decided(code, known[stripped:], length - stripped)
        and not _zones_differ(f"{code}{known[stripped:]}")
    )
    return stripped if decided else None


def country_code(digits: str) -> int:
    """The country code that international digits begin with; 0 for none."""
    for length in range(1, _LONGEST_CODE + 1):
        if (code := int(digits[:length])) in COUNTRY_CODE_TO_REGION_CODE:
            return code if digits[0] != "0" else 0
    return 0


def _strips(parsing: PhoneMetadata, known: str, length: int) -> int | None:
    """How many first digits phonenumbers takes off as a national prefix; None where that is open."""
    if not parsing.national_prefix_for_parsing:
        return 0
    pattern = _pattern(parsing.national_prefix_for_parsing)
    ends = [at for at, state in enumerate(_states(pattern, known)) if at and pattern.matched(state)]
    if not pattern.silent(_last(pattern, known), length - len(known)) or len(ends) > 1:
        return None
    return ends[0] if ends else 0


def _silent(text: str | None, known: str, length: int) -> bool:
    if not text:
        return True
    pattern = _pattern(text)
    matched = any(pattern.matched(state) for state in _states(pattern, known))
    return not matched and pattern.silent(_last(pattern, known), length - len(known))


def _plan_decided(code: int, known: str, length: int) -> bool:
    plan, left = _plan(code), length - len(known)
    for at, state in _alive(code, known):
        pattern, lengths = plan.whole[at]
        if (not lengths or length in lengths) and pattern.outcome(state, left) is None:
            return False
    return all(plan.leading[at].silent(state, left) for at, state in _open(code, known))


@lru_cache(maxsize=1 << 14)
def _alive(code: int, known: str) -> tuple[tuple[int, State], ...]:
    """The plan's whole patterns that may still match, by their place: few, once the first digits are known."""
    whole = _plan(code).whole
    if not known:
        return tuple((at, pattern.start) for at, (pattern, _) in enumerate(whole))
    steps = ((at, whole[at][0].step(state, known[-1])) for at, state in _alive(code, known[:-1]))
    return tuple((at, state) for at, state in steps if state)


@lru_cache(maxsize=1 << 14)
def _open(code: int, known: str) -> tuple[tuple[int, State], ...]:
    """The patterns of first digits that have neither matched nor failed."""
    leading = _plan(code).leading
    if not known:
        return tuple((at, pattern.start) for at, pattern in enumerate(leading) if not pattern.matched(pattern.start))
    steps = ((at, leading[at].step(state, known[-1])) for at, state in _open(code, known[:-1]))
    return tuple((at, state) for at, state in steps if state and not leading[at].matched(state))


def _decided(text: str | None, known: str, length: int) -> bool:
    if text is None:
        return True
    pattern = _pattern(text)
    return pattern.outcome(_last(pattern, known), length - len(known)) is not None


def _states(pattern: Pattern, known: str) -> Iterator[State]:
    """The state before each of the digits and after the last."""
    state = pattern.start
    yield state
    for digit in known:
        state = pattern.step(state, digit)
        yield state


def _last(pattern: Pattern, known: str) -> State:
    state = pattern.start
    for digit in known:
        state = pattern.step(state, digit)
    return state


@lru_cache(maxsize=2048)
def _pattern(text: str) -> Pattern:
    return Pattern(text)


@lru_cache(maxsize=256)
def _plan(code: int) -> _Plan:
    whole: dict[tuple[str, frozenset[int]], Pattern] = {}
    leading: dict[str, Pattern] = {}
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = _metadata(code, region)
        if metadata.leading_digits:
            leading[metadata.leading_digits] = _pattern(metadata.leading_digits)
        for name in _DESCRIPTIONS:
            description = getattr(metadata, name)
            if description is not None and description.national_number_pattern:
                key = (description.national_number_pattern, frozenset(description.possible_length))
                whole[key] = _pattern(description.national_number_pattern)
    return _Plan(tuple((pattern, lengths) for (_, lengths), pattern in whole.items()), tuple(leading.values()))


def _metadata(code: int, region: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    assert found is not None
    return found


def _zones_differ(digits: str) -> bool:
    """Whether further digits can name other zones."""
    return digits in _zone_stems()


@lru_cache(maxsize=1)
def _zone_stems() -> frozenset[str]:
    return frozenset(prefix[:length] for prefix in TIMEZONE_DATA for length in range(1, len(prefix)))
