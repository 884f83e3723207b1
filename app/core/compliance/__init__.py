"""The compliance gate: may this contact be reached now, by which address? Pure; see docs/explanation/compliance.md."""

from __future__ import annotations

from app.core.compliance.consent import Act, Consent, consent_of
from app.core.compliance.days import FIRST_ON_EARTH, begins_last
from app.core.compliance.gate import (
    Allowed,
    Candidate,
    Choice,
    Chosen,
    Closed,
    Held,
    NoAddress,
    Refused,
    Rules,
    Subject,
    check,
    choose,
)
from app.core.compliance.listing import Listing, earliest_day
from app.core.compliance.national import NATIONAL, Coverage, National, part_of, too_old
from app.core.compliance.quiet import GUARD, Quiet
from app.core.compliance.timing import Guard, GuardScope, Limits, untimely

__all__ = [
    "FIRST_ON_EARTH",
    "GUARD",
    "NATIONAL",
    "Act",
    "Allowed",
    "Candidate",
    "Choice",
    "Chosen",
    "Closed",
    "Consent",
    "Coverage",
    "Guard",
    "GuardScope",
    "Held",
    "Limits",
    "Listing",
    "National",
    "NoAddress",
    "Quiet",
    "Refused",
    "Rules",
    "Subject",
    "begins_last",
    "check",
    "choose",
    "consent_of",
    "earliest_day",
    "part_of",
    "too_old",
    "untimely",
]
