"""Calling hours of countries, as dated rows: figures, where they come from, and when they were last looked at.

They are a start, not legal advice. Public holidays, consent and limits on how often are rules of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

_WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
_DAYS = (*_WORKDAYS, "sat", "sun")

Pairs = tuple[tuple[str, str], ...]


class Basis(StrEnum):
    #: The hours are in a law or a regulator's rule.
    LAW = "law"
    #: The law names no hours; these are the trade's own guidance.
    GUIDANCE = "guidance"
    #: The law names no hours; these are cautious ones.
    CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Preset:
    """`hours` as `parse_hours` reads them; `source` names the rule, `as_of` when the figures were last looked at."""

    key: str
    name: str
    hours: Mapping[str, Pairs]
    basis: Basis
    source: str
    as_of: date
    note: str = ""

    @property
    def dated_source(self) -> str:
        return f"{self.source} (as of {self.as_of.isoformat()})"


def _each(days: tuple[str, ...], *pairs: tuple[str, str]) -> dict[str, Pairs]:
    return {day: pairs for day in days}


_LOOKED_AT = date(2026, 11, 23)

PRESETS: tuple[Preset, ...] = (
    Preset(
        "us",
        "United States, 8 to 21",
        _each(_DAYS, ("08:00", "21:00")),
        Basis.LAW,
        "47 CFR 64.1200(c)(1) and FTC Telemarketing Sales Rule: 8:00 to 21:00 at the called party",
        _LOOKED_AT,
        "Several states are stricter. A number's area code may lie in another state than the person.",
    ),
    Preset(
        "us-fl-ok",
        "Florida and Oklahoma, 8 to 20",
        _each(_DAYS, ("08:00", "20:00")),
        Basis.LAW,
        "Florida and Oklahoma telephone solicitation acts: 8:00 to 20:00 at the called party",
        _LOOKED_AT,
        "At most 3 calls in 24 hours on the same subject. Washington has the same hours.",
    ),
    Preset(
        "fr",
        "France, 10 to 13 and 14 to 20",
        _each(_WORKDAYS, ("10:00", "13:00"), ("14:00", "20:00")),
        Basis.LAW,
        "Décret 2022-1313, in force since 2023-03-01: Monday to Friday, 10:00 to 13:00 and 14:00 to 20:00",
        _LOOKED_AT,
        "Not on public holidays; at most 4 calls in 30 days; 60 days of rest after a refusal.",
    ),
    Preset(
        "de",
        "Germany, cautious hours",
        {**_each(_WORKDAYS, ("09:00", "20:00")), "sat": (("10:00", "16:00"),)},
        Basis.CAUTION,
        "No hours in the law (UWG section 7 asks for express consent); cautious hours chosen by Clarion",
        _LOOKED_AT,
        "Express consent is needed, and its proof kept for 5 years.",
    ),
    Preset(
        "gb",
        "United Kingdom, 8 to 21, no Sunday",
        {**_each(_WORKDAYS, ("08:00", "21:00")), "sat": (("09:00", "21:00"),)},
        Basis.GUIDANCE,
        "No hours in the law; DMA guidance: 8:00 to 21:00, at weekends from 9:00; Sundays left out by Clarion",
        _LOOKED_AT,
        "Screen against the TPS every 28 days. Ofcom judges abandoned and silent calls by harm.",
    ),
    Preset(
        "ca",
        "Canada, 9 to 21:30, weekends 10 to 18",
        {**_each(_WORKDAYS, ("09:00", "21:30")), **_each(("sat", "sun"), ("10:00", "18:00"))},
        Basis.LAW,
        "CRTC Unsolicited Telecommunications Rules: weekdays 9:00 to 21:30, weekends 10:00 to 18:00",
        _LOOKED_AT,
        "Rules for automatic announcements are stricter. Provinces may restrict further.",
    ),
    Preset(
        "au",
        "Australia, 9 to 20, Saturday to 17",
        {**_each(_WORKDAYS, ("09:00", "20:00")), "sat": (("09:00", "17:00"),)},
        Basis.LAW,
        "Telemarketing and Research Calls Industry Standard 2017: weekdays 9:00 to 20:00, Saturday 9:00 to 17:00",
        _LOOKED_AT,
        "Not on Sundays and national public holidays.",
    ),
)
