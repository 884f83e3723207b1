"""What an organization lays down about numbers, beside what phonenumbers says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from app.core.phone.dialing import DialingRule, Dialled, NotDialled, TrunkSite, dial
from app.core.phone.formats import CountryFormat, Formats
from app.core.phone.numbers import BadNumber, NeverDialled, NumberRefused, PhoneNumber, parse_number
from app.core.phone.rejects import RejectPattern, RejectPatterns


class RejectedNumber(NumberRefused):
    """One of the organization's reject patterns matches."""


@dataclass(frozen=True, slots=True)
class OpenedRange:
    """Numbers that begin with `prefix` (E.164) are dialled before `until`, though their kind never is otherwise."""

    prefix: str
    until: datetime

    def holds(self, e164: str, now: datetime) -> bool:
        return e164.startswith(self.prefix) and now < self.until


@dataclass(frozen=True, slots=True)
class Numbering:
    """An organization's own rules; without any, numbers are what phonenumbers says and dialled as E.164."""

    dialing: tuple[DialingRule, ...] = ()
    rejects: RejectPatterns = field(default_factory=RejectPatterns)
    opened: tuple[OpenedRange, ...] = ()
    formats: Formats = field(default_factory=Formats)

    def read(self, text: str, home_country: str, now: datetime) -> PhoneNumber:
        """As `parse_number`, by these rules. Raise BadNumber with the mend."""
        number = self._taken(text, home_country, now)
        wrong = self.formats.wrong_length(number)
        if wrong:
            raise NumberRefused(wrong, number)
        found = self.rejects.find(number.e164, number.country) if self.rejects else None
        if found is not None:
            raise RejectedNumber(found.words, number)
        return number

    def barred(self, e164: str, now: datetime) -> str:
        """Why a number that was taken once must not be dialled now; "" where it may. Numbers that no country has
        (simulated ones) are nobody's kind, and SIP addresses are no numbers."""
        if not e164.startswith("+"):
            return ""
        country = ""
        try:
            country = self._known(e164, "", now).country
        except NeverDialled as error:
            return str(error)
        except BadNumber:
            pass
        found = self.rejects.find(e164, country) if self.rejects else None
        return found.words if found else ""

    @property
    def doubt(self) -> Callable[[str, str], bool] | None:
        """Tells quickly which numbers (E.164, country) `read` may refuse of those that phonenumbers takes; None where
        it refuses none."""
        lengths, rejects = self.formats.e164_lengths, self.rejects
        if not lengths:
            return (lambda e164, _: rejects.may_match(e164)) if rejects else None

        def is_doubtful(e164: str, country: str) -> bool:
            allowed = lengths.get(country)
            return (allowed is not None and len(e164) not in allowed) or (bool(rejects) and rejects.may_match(e164))

        return is_doubtful

    def dial(self, e164: str, trunk: TrunkSite) -> Dialled | NotDialled:
        return dial(e164, self.dialing, trunk)

    def undiallable(self, e164: str, trunks: Sequence[TrunkSite]) -> str:
        """Why none of the trunks can dial it; "" where one can."""
        return _first_refusal(self.dial(e164, trunk) for trunk in trunks)

    def _taken(self, text: str, home_country: str, now: datetime) -> PhoneNumber:
        try:
            return self._known(text, home_country, now)
        except NumberRefused:
            raise
        except BadNumber:
            for reading, country in self.formats.readings(text, home_country):
                with suppress(BadNumber):
                    return self._known(reading, country, now)
            raise

    def _known(self, text: str, home_country: str, now: datetime) -> PhoneNumber:
        try:
            return parse_number(text, home_country)
        except NeverDialled as error:
            if any(each.holds(error.number.e164, now) for each in self.opened):
                return error.number
            raise

    def to_json(self) -> dict[str, Any]:
        """What reading numbers needs, for another process."""
        return {
            "rejects": [[each.text, each.reason, each.country] for each in self.rejects.patterns],
            "opened": [[each.prefix, each.until.isoformat()] for each in self.opened],
            "separator": self.formats.separator,
            "formats": [
                [each.country, sorted(each.lengths), each.pad, each.trunk_prefix, [list(line) for line in each.local]]
                for each in self.formats.by_country.values()
            ],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        return cls(
            rejects=RejectPatterns(RejectPattern(*row) for row in body.get("rejects", ())),
            opened=tuple(
                OpenedRange(prefix, datetime.fromisoformat(until)) for prefix, until in body.get("opened", ())
            ),
            formats=Formats(
                (
                    CountryFormat(country, frozenset(lengths), pad, trunk, tuple((text, more) for text, more in local))
                    for country, lengths, pad, trunk, local in body.get("formats", ())
                ),
                body.get("separator", ""),
            ),
        )


def _first_refusal(made: Iterable[Dialled | NotDialled]) -> str:
    reasons = []
    for each in made:
        if isinstance(each, Dialled):
            return ""
        reasons.append(str(each))
    return reasons[0] if reasons else ""


#: Of an organization that has laid down nothing.
PLAIN = Numbering()
