"""What an organization lays down about numbers, beside what phonenumbers says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.phone.dialing import DialingRule, Dialled, NotDialled, TrunkSite, dial


@dataclass(frozen=True, slots=True)
class Numbering:
    """An organization's own rules; without any, every number is dialled as E.164."""

    dialing: tuple[DialingRule, ...] = ()

    def dial(self, e164: str, trunk: TrunkSite) -> Dialled | NotDialled:
        return dial(e164, self.dialing, trunk)

    def undiallable(self, e164: str, trunks: Sequence[TrunkSite]) -> str:
        """Why none of the trunks can dial it; "" where one can."""
        return _first_refusal(self.dial(e164, trunk) for trunk in trunks)


def _first_refusal(made: Iterable[Dialled | NotDialled]) -> str:
    reasons = []
    for each in made:
        if isinstance(each, Dialled):
            return ""
        reasons.append(str(each))
    return reasons[0] if reasons else ""
