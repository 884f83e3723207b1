"""How long what is kept of people may be kept, and how long rules need it: no setting shortens a rule's window. Pure.

Do-not-call entries and consents are no kind of it: they hold until they end or are taken back, and prove it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from common.errors import Refused

#: Fifty years: whoever wants to keep something for ever sets nothing.
LONGEST = 18_262
#: How long contacts who were taken out of a list by the many can be put back; then they are removed for good.
UNDO_FOR = timedelta(days=7)


class Kept(StrEnum):
    #: Signalling ladders and the steps of scripts.
    TRACES = "traces"
    #: Addresses, keys, values and reasons of attempts; their codes and times stay.
    ATTEMPTS = "attempts"
    RECORDINGS = "recordings"
    #: Rejected rows of imports.
    REJECTS = "rejects"
    #: Files that data sources have taken, and those that they could not take.
    FILES = "files"
    #: Contacts whom no attempt, change or job has concerned.
    CONTACTS = "contacts"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Floor:
    """The least that a rule needs, with where the figure is from."""

    days: int
    rule: str


_WINDOWS = (
    Floor(60, "France, decree 2022-1313: nobody is called for 60 days after they refused"),
    Floor(30, "US, 47 CFR 64.1200(a)(7): abandonment is counted over 30 days"),
    Floor(30, "France, decree 2022-1313: 4 calls in 30 calendar days"),
    Floor(14, "US, Regulation F, 12 CFR 1006.14: 7 calls in 7 days, and 7 days after a conversation"),
    Floor(3, "UK, Ofcom: an abandoned number rests for 72 hours"),
)
#: The longest window of any rule counts, whether or not a campaign uses it today: what is gone cannot be counted later.
FLOORS: Mapping[Kept, tuple[Floor, ...]] = {
    Kept.ATTEMPTS: _WINDOWS,
    # Attempts tell by the contact whom they reached.
    Kept.CONTACTS: _WINDOWS,
    Kept.AUDIT: (
        Floor(1827, "Germany: consent and its proof are kept for 5 years"),
        Floor(1827, "US, TSR: entries of the company's own do-not-call list are kept for 5 years"),
    ),
}


def floor_of(kind: Kept) -> Floor | None:
    """The rule that needs it longest."""
    return max(FLOORS.get(kind, ()), key=lambda floor: floor.days, default=None)


def checked(kind: Kept, days: int) -> int:
    """Raise Refused naming the rule that a shorter time would break."""
    if not 1 <= days <= LONGEST:
        raise Refused(f"{kind}: give 1 to {LONGEST} days, or nothing to keep it for ever")
    for floor in FLOORS.get(kind, ()):
        if days < floor.days:
            raise Refused(f"{kind}: keep it for {floor.days} days at least; {floor.rule}")
    return days
