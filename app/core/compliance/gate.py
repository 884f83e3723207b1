"""The last look before an attempt, whatever brought the contact here: first try, retry, callback or test call.

`check` judges one address; `choose` goes through a contact's addresses in the strategy's order. What is not known
to be allowed is refused: an address without time zone is outside every calling window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from app.core.calendars import NO_HOLIDAYS, HolidayRules, Place
from app.core.completion import SYSTEM_CODES
from app.core.compliance.consent import Consent
from app.core.compliance.quiet import Quiet
from app.core.compliance.timing import Guard, Limits, untimely

#: Until somebody loads a list anew.
_LOOK_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the job brings along. `hours` is the calling window's, in the contact's own zones."""

    hours: Mapping[str, Any]
    always_open: bool = False
    #: The job's trunk leads to the simulated carrier only.
    simulated_trunk: bool = False
    #: Channels beside voice that lead to providers on this machine only: messages do not leave by the trunk.
    simulated_channels: frozenset[str] = frozenset()
    guards: tuple[Guard, ...] = ()
    holidays: HolidayRules = NO_HOLIDAYS

    def simulates(self, channel: str) -> bool:
        return self.simulated_trunk if channel == "voice" else channel in self.simulated_channels


@dataclass(frozen=True, slots=True)
class Subject:
    """One address of one contact, as the database has it at this moment.

    `dnc` says which do-not-call list holds the address or the person, "" for none. `zones` are all IANA zones that
    count for the person; `country` and `states` ("US-FL") are those of guard times and holidays.
    """

    channel: str  # voice | sms | email
    zones: tuple[str, ...] = ()
    dnc: str = ""
    deleted: bool = False
    #: From the campaign's calling, or from all.
    excluded: bool = False
    #: The completion code that switched the address off, "" while it is usable.
    disabled_code: str = ""
    #: The strategy's own contact time for this address.
    earliest: time | None = None
    latest: time | None = None
    #: Other attempts to the person, of whichever job, that may have to be waited for.
    quiet: tuple[Quiet, ...] = ()
    country: str = ""
    states: tuple[str, ...] = ()
    #: What the person has allowed on this channel, for the job's purpose.
    consent: Consent = Consent.NOT_NEEDED
    #: Why the number cannot be screened against its country's do-not-call list, "" where it was.
    unscreened: str = ""
    #: Why the number itself must not be dialled, "" for any that may.
    barred: str = ""


@dataclass(frozen=True, slots=True)
class Allowed:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    """`until` is when it may be allowed again; None where no time mends it. `closes` gives the contact up."""

    code: str
    detail: str
    until: datetime | None = None
    closes: bool = False


def check(subject: Subject, rules: Rules, now: datetime) -> Allowed | Refused:
    if subject.deleted:
        return Refused("CONTACT_DELETED", "the contact was deleted")
    if subject.excluded:
        return Refused("CONTACT_EXCLUDED", "the contact is excluded from calling")
    if subject.dnc:
        return Refused("IN_DNC_LIST", f"on the do-not-call list {subject.dnc!r}")
    if subject.barred:
        return Refused("NO_CALLABLE_ADDRESS", subject.barred)
    if subject.unscreened:
        return Refused("RESTRICTED_RULE", subject.unscreened, now + _LOOK_AGAIN)
    if subject.consent is Consent.REVOKED:
        return Refused("CONSENT_REVOKED", f"consent to {subject.channel} was taken back")
    if subject.consent in (Consent.MISSING, Consent.EXPIRED):
        return Refused("CONSENT_MISSING", f"consent to {subject.channel} is {subject.consent}")
    if subject.disabled_code:
        return Refused("NO_CALLABLE_ADDRESS", f"the address is switched off after {subject.disabled_code}")
    if rules.always_open and not rules.simulated_trunk:
        return Refused("RESTRICTED_RULE", "a calling window that is always open needs a simulated trunk")
    if rules.always_open and not rules.simulates(subject.channel):
        return Refused(
            "RESTRICTED_RULE", f"a calling window that is always open needs a {subject.channel} provider on loopback"
        )
    return _untimely(subject, rules, now) or _unquiet(subject, now) or Allowed()


def _untimely(subject: Subject, rules: Rules, now: datetime) -> Refused | None:
    """An email has no window; its contact time is read in UTC where no zone is known, for it cannot be wrong about
    one."""
    timed = subject.channel != "email" and not rules.always_open
    zones = subject.zones or (("UTC",) if subject.channel == "email" else ())
    holidays = rules.holidays if timed else NO_HOLIDAYS
    limits = Limits(rules.hours if timed else None, rules.guards, holidays, subject.earliest, subject.latest)
    late = untimely(limits, Place(zones, country=subject.country, states=subject.states), now)
    if late is None:
        return None
    code = "RESTRICTED_HOLIDAY" if late.holiday else "RESTRICTED_TIME"
    return Refused(code, late.text, late.until, closes=late.dropped)


def _unquiet(subject: Subject, now: datetime) -> Refused | None:
    """The attempt that has to be waited for longest."""
    holding = [quiet for quiet in subject.quiet if quiet.holds(subject.channel, now)]
    if not holding:
        return None
    longest = max(holding, key=lambda quiet: quiet.until(now))
    return Refused("RESTRICTED_RULE", longest.text, longest.until(now))


#: Codes that end a contact's job by the strategy's word alone: another address or channel may still be allowed.
_OF_AN_ADDRESS = frozenset({"NO_CALLABLE_ADDRESS", "CONSENT_MISSING", "CONSENT_REVOKED"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address to judge; `key` is the caller's own handle on it."""

    key: int
    subject: Subject


@dataclass(frozen=True, slots=True)
class Chosen:
    key: int


@dataclass(frozen=True, slots=True)
class Held:
    """Not now; again at `until`."""

    code: str
    detail: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """The contact gets no further attempt in this job."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class NoAddress:
    """None of the addresses can be used, now or later: the strategy says what follows `code`."""

    code: str
    detail: str


Choice = Chosen | Held | Closed | NoAddress


def choose(candidates: Sequence[Candidate], rules: Rules, now: datetime) -> Choice:
    """The first address that is allowed now; else why not, and when to look again at the earliest."""
    refusals: list[Refused] = []
    for candidate in candidates:
        verdict = check(candidate.subject, rules, now)
        if isinstance(verdict, Allowed):
            return Chosen(candidate.key)
        closing = SYSTEM_CODES[verdict.code].closes_contact and verdict.code not in _OF_AN_ADDRESS
        if closing or verdict.closes:
            return Closed(verdict.code, verdict.detail)
        refusals.append(verdict)
    waiting = [refusal for refusal in refusals if refusal.until is not None]
    if waiting:
        first = min(waiting, key=lambda refusal: refusal.until or now)
        assert first.until is not None
        return Held(first.code, first.detail, first.until)
    for refusal in refusals:
        if refusal.code != "NO_CALLABLE_ADDRESS":
            return NoAddress(refusal.code, refusal.detail)
    detail = refusals[0].detail if refusals else "the contact has none of the addresses that the strategy names"
    return NoAddress("NO_CALLABLE_ADDRESS", detail)
