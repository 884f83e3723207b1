"""Where a person is, as far as anybody knows: the zones that count for an address, and the states.

The first source that knows decides: the zone given with the contact, the area code, the postcode, the country, the
list. A source after the first that says otherwise is a conflict; its zones then count as well, so that the strictest
window wins. A country or a list stands for all zones of the country, unless there is one time in all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.core.calendars import atlas


class Source(StrEnum):
    GIVEN = "contact"
    AREA = "area code"
    POSTCODE = "postcode"
    COUNTRY = "country"
    LIST = "list"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Known:
    """What the database has about an address. `number_zones` are those that phonenumbers names for the number."""

    given: str = ""
    number: str = ""
    number_zones: tuple[str, ...] = ()
    country: str = ""
    state: str = ""
    postcode: str = ""
    list_country: str = ""
    list_zone: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """`zones` are all that count; `states` such as "US-FL"; `line` is wired, wireless or "" for not known."""

    zones: tuple[str, ...] = ()
    source: Source = Source.UNKNOWN
    country: str = ""
    states: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    line: str = ""


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """An organization's own line of the map. `prefix` is "+1212" or, for a postcode, "US:902".

    `first` and `last` bound the digits after the prefix, both included ("200" to "599"); "" is every number.
    """

    prefix: str
    zones: tuple[str, ...]
    state: str = ""
    line: str = ""
    first: str = ""
    last: str = ""

    def holds(self, text: str) -> bool:
        if not text.startswith(self.prefix):
            return False
        if not self.first:
            return True
        digits = text[len(self.prefix) : len(self.prefix) + len(self.first)]
        return len(digits) == len(self.first) and self.first <= digits <= self.last


class ZoneMap:
    """An organization's own rules over the shipped tables: the longest prefix wins, a range over the whole."""

    def __init__(self, rules: Iterable[ZoneRule] = ()) -> None:
        self._rules: dict[str, list[ZoneRule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.prefix, []).append(rule)
        self._lengths = sorted({len(prefix) for prefix in self._rules}, reverse=True)

    def find(self, text: str) -> tuple[ZoneRule, ...]:
        """Those that say the most about a number or postcode; several of equal weight all count."""
        for length in self._lengths:
            holding = [rule for rule in self._rules.get(text[:length], ()) if rule.holds(text)]
            ranged = tuple(rule for rule in holding if rule.first)
            if holding:
                return ranged or tuple(holding)
        return ()


NO_RULES = ZoneMap()


def place_of(known: Known, own: ZoneMap = NO_RULES) -> Place:
    area = own.find(known.number) if known.number else ()
    postal = _postal(known, own)
    found = [(source, zones) for source, zones in _sources(known, area, postal[1]) if zones]
    states = tuple(dict.fromkeys(_states(known, area, postal[0])))
    line = next((rule.line for rule in area if rule.line), "")
    if not found:
        source, zones = _default(known)
        return Place(zones, source, known.country, states, (), line)
    (source, zones), *others = found
    counting, conflicts = list(zones), []
    for other, their_zones in others:
        if set(zones) & set(their_zones):
            continue
        counting += their_zones
        if atlas.show_other_times(zones, their_zones):
            conflicts.append(f"the {source} says {_words(zones)}, the {other} {_words(their_zones)}")
    return Place(tuple(dict.fromkeys(counting)), source, known.country, states, tuple(conflicts), line)


def state_key(country: str, state: str) -> str:
    """As guard times name a state: "US-FL"; a state that has its country already stays."""
    text = state.strip().upper()
    return text if not text or not country or "-" in text else f"{country}-{text}"


def _sources(
    known: Known, area: Sequence[ZoneRule], postal_zones: tuple[str, ...]
) -> Iterator[tuple[Source, tuple[str, ...]]]:
    yield Source.GIVEN, (known.given,) if known.given else ()
    yield Source.AREA, tuple(dict.fromkeys(zone for rule in area for zone in rule.zones)) or known.number_zones
    yield Source.POSTCODE, postal_zones


def _postal(known: Known, own: ZoneMap) -> tuple[tuple[str, ...], tuple[str, ...]]:
    country = known.country or known.list_country
    if not known.postcode or not country:
        return (), ()
    rules = own.find(f"{country}:{atlas.spelled(known.postcode)}")
    if rules:
        return tuple(rule.state for rule in rules if rule.state), tuple(zone for rule in rules for zone in rule.zones)
    return atlas.of_postcode(country, known.postcode)


def _states(known: Known, area: Sequence[ZoneRule], postal: tuple[str, ...]) -> Iterator[str]:
    country = known.country or known.list_country
    ruled = tuple(rule.state for rule in area if rule.state)
    for state in (known.state, *(ruled or atlas.states_of_number(known.number)), *postal):
        if state.strip():
            yield state_key(country, state)


def _default(known: Known) -> tuple[Source, tuple[str, ...]]:
    zones = atlas.zones_of_country(known.country)
    if zones:
        return Source.COUNTRY, zones
    if known.country or not known.number:
        # A country that no table has, and an address that says nothing of a place: nobody can tell.
        return Source.UNKNOWN, ()
    zones = atlas.zones_of_country(known.list_country)
    if known.list_zone and (not zones or atlas.has_one_offset(zones)):
        zones = (known.list_zone,)
    return (Source.LIST, zones) if zones else (Source.UNKNOWN, ())


def _words(zones: tuple[str, ...]) -> str:
    return zones[0] if len(zones) == 1 else f"{zones[0]} and {len(zones) - 1} more"
