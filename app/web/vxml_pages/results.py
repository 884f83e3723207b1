"""What an application posts during a call is kept with its attempt: limited in size, payment cards cut off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select

from app.db import write_transaction
from app.models import Attempt, AttemptResult
from app.services import dnc
from common.clock import utcnow
from common.errors import Refused

MOST_FIELDS = 64
LONGEST_VALUE = 2000
#: An application that posts without end fills no disk.
MOST_RESULTS = 200

_NAME = re.compile(r"[A-Za-z_$][\w$.-]{0,119}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


@dataclass(frozen=True, slots=True)
class Stored:
    #: The value posted under `completion_code` where it has the shape of one, else "".
    completion_code: str


class ResultPages:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def store(self, attempt_id: str, posted: Iterable[tuple[str, str]]) -> Stored | None:
        """Keep the values; None where the attempt is unknown. Raise Refused naming the field.

        Whoever asks not to be called is listed with the answer, while the call goes on.
        """
        values = checked(posted)
        code = code_among(values)
        with write_transaction(self._engine) as session:
            attempt = session.get(Attempt, attempt_id)
            if attempt is None:
                return None
            earlier = session.scalars(
                select(AttemptResult.id).where(AttemptResult.attempt_id == attempt_id).limit(MOST_RESULTS)
            ).all()
            if len(earlier) >= MOST_RESULTS:
                raise Refused(f"the call has posted {MOST_RESULTS} results already, which is the most")
            if values:
                session.add(AttemptResult(attempt_id=attempt_id, at=utcnow(), values=dict(values)))
            if code and dnc.means_opt_out(session, attempt.organization_id, code):
                dnc.opt_out_after(session, attempt)
        return Stored(code)


def code_among(values: Mapping[str, str]) -> str:
    """The value posted under `completion_code` where it has the shape of one, else ""."""
    code = values.get("completion_code", "")
    return code if _CODE.fullmatch(code) else ""


def checked(posted: Iterable[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in posted:
        if not _NAME.fullmatch(name):
            raise Refused(f"field {name[:40]!r}: use letters, digits, _, . or -, beginning with a letter")
        if len(value) > LONGEST_VALUE:
            raise Refused(f"field {name}: longer than {LONGEST_VALUE} characters")
        values[name] = mask_cards(value)
        if len(values) > MOST_FIELDS:
            raise Refused(f"more than {MOST_FIELDS} fields; post fewer at a time")
    return values


def mask_cards(value: str) -> str:
    """Whole payment card numbers (those the Luhn check holds for) are cut to their last four digits.

    An application has no reason to post one here; if it does all the same, it must not reach the disk.
    """

    def cut(match: re.Match[str]) -> str:
        digits = re.sub(r"\D", "", match.group())
        return f"**** {digits[-4:]}" if luhn(digits) else match.group()

    return _CARD.sub(cut, value)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + position % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
