"""Files of consents, line by line: CSV whose first line names the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from app.core.compliance import FIRST_ON_EARTH
from app.intake import reading
from app.models import ConsentAct, DncKind
from app.services import consents
from app.services.dnc_formats import KINDS, BadLine, column
from common.errors import Refused

_ACTS: Mapping[str, ConsentAct] = {
    **dict.fromkeys(("given", "yes", "true", "1", "opt-in", "granted"), ConsentAct.GIVEN),
    **dict.fromkeys(("revoked", "no", "false", "0", "opt-out", "withdrawn", "taken back"), ConsentAct.REVOKED),
}
#: What columns may be called; the person by `value` with `kind`, or by a column of the kind's own name.
_NAMES: Mapping[str, Sequence[str]] = {
    "channel": ("channel",),
    "purpose": ("purpose",),
    "act": ("act", "consent"),
    "at": ("at", "given_at", "when"),
    "expires_at": ("expires_at", "expires"),
    "source": ("source", "by_what"),
    "text_shown": ("text_shown", "text"),
    "evidence": ("evidence",),
}
_NEEDED = ("channel", "purpose", "act", "at", "source")
_PERSON = ("phone", "email", "customer_id", "contact_id")


@dataclass(frozen=True, slots=True)
class When:
    """As a text says it: a moment, in UTC where it has no zone, and the day of the person's own calendar where it has
    no hour."""

    moment: datetime | None
    day: date | None = None


NEVER = When(None)


@dataclass(frozen=True, slots=True)
class Entry:
    """`values` are columns of the ledger; `evidence` names a file as the line does, maybe with folders, "" for none."""

    line: int
    values: Mapping[str, Any]
    evidence: str


def read_lines(path: Path, home_country: str, now: datetime) -> Iterator[Entry | BadLine]:
    """Raise Refused, before anything is yielded, for a file that is nothing of the kind.

    A line that names several channels (`voice+sms`) is an entry for each.
    """
    form = reading.detect(path)
    names = [name.strip().lower() for name in form.columns]
    places = {field: column(names, *wanted) for field, wanted in _NAMES.items()}
    missing = [field for field in _NEEDED if places[field] is None]
    if missing:
        raise Refused(f"{path.name}, line 1: no column is {', '.join(missing)}; there are {', '.join(form.columns)}")
    whose = _person_columns(path, names)
    return _lines(path, form, _Reader(places, whose, home_country, now))


def _person_columns(path: Path, names: list[str]) -> Mapping[str, int]:
    whose = {"kind": column(names, "kind", "id_type"), "value": column(names, "value")}
    whose |= {kind: column(names, kind) for kind in _PERSON}
    found = {name: place for name, place in whose.items() if place is not None}
    if not found.keys() & {"value", *_PERSON}:
        raise Refused(f"{path.name}, line 1: nothing names the person; give value and kind, or {', '.join(_PERSON)}")
    return found


def _lines(path: Path, form: reading.Format, reader: _Reader) -> Iterator[Entry | BadLine]:
    with reading.open_text(path) as file:
        for item in reading.records(file, form):
            if isinstance(item, reading.Bad):
                yield BadLine(item.line, item.reason)
                continue
            try:
                yield from reader.entries(item.line, item.cells)
            except Refused as error:
                yield BadLine(item.line, str(error))


@dataclass(frozen=True, slots=True)
class _Reader:
    places: Mapping[str, int | None]
    whose: Mapping[str, int]
    home_country: str
    now: datetime

    def entries(self, line: int, cells: Sequence[str]) -> list[Entry]:
        def cell(field: str) -> str:
            place = self.places[field]
            return cells[place].strip() if place is not None else ""

        act = _ACTS.get(cell("act").lower())
        if act is None:
            raise Refused(f"act: {cell('act')[:40]!r} is neither given nor revoked")
        if not cell("at"):
            raise Refused("at: say when it was given or taken back")
        said = said_at(cell("at"), act, self.now)
        ends = ends_at(cell("expires_at")) if cell("expires_at") and act is ConsentAct.GIVEN else NEVER
        person = self._person(cells)
        return [
            Entry(
                line,
                consents.checked(
                    person,
                    consents.ConsentFields(
                        channel.strip().lower(), cell("purpose"), cell("source"), cell("text_shown"), said.moment,
                        ends.moment, said_on=said.day, last_day=ends.day,
                    ),
                    act,
                    self.now,
                    self.home_country,
                ),
                cell("evidence"),
            )
            for channel in cell("channel").split("+")
        ]  # fmt: skip

    def _person(self, cells: Sequence[str]) -> tuple[str, str]:
        if (place := self.whose.get("value")) is not None and cells[place].strip():
            named = cells[self.whose["kind"]].strip().lower() if "kind" in self.whose else "phone"
            if named not in KINDS:
                raise Refused(f"kind: {named[:40]!r} is none; use phone, email, contact_id or customer_id")
            return str(KINDS[named]), cells[place]
        for kind in _PERSON:
            if (own := self.whose.get(kind)) is not None and cells[own].strip():
                return str(DncKind(kind)), cells[own]
        raise Refused("nothing names the person")


def said_at(text: str, act: ConsentAct, now: datetime) -> When:
    """When it was given, or taken back.

    A taking back by a day is of that day's end in UTC; where it or its time has no zone it may be ahead of UTC, and is
    of this moment at the latest.
    """
    found, day = _read("at", text, time.min if act is ConsentAct.GIVEN else time.max)
    moment = found.replace(tzinfo=found.tzinfo or UTC)
    begins = datetime.combine(day, time(), UTC) if day else moment
    if act is ConsentAct.REVOKED and found.tzinfo is None and begins <= now + FIRST_ON_EARTH:
        moment = min(moment, now)
    return When(moment, day)


def ends_at(text: str) -> When:
    """A day alone is the last one; its end is given in UTC."""
    found, day = _read("expires_at", text, time.max)
    return When(found.replace(tzinfo=found.tzinfo or UTC), day)


def _read(field: str, text: str, of_day: time) -> tuple[datetime, date | None]:
    """Naive where the text has no zone; the day where it has no more, with its first or last moment (`of_day`)."""
    try:
        if len(text) <= len("2026-01-31"):
            day = date.fromisoformat(text)
            return datetime.combine(day, of_day), day
        return datetime.fromisoformat(text.replace(" UTC", "+00:00")), None
    except ValueError:
        raise Refused(f"{field}: {text[:40]!r} is no time; write 2026-01-31 or 2026-01-31T09:30+01:00") from None
