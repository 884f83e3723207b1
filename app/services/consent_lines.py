"""Files of consents, line by line: CSV whose first line names the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

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
#: How far the clocks furthest ahead are from UTC.
_FURTHEST_AHEAD = timedelta(hours=14)


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
        at = said_at(cell("at"), act, self.now)
        ends = moment("expires_at", cell("expires_at"), time.max) if cell("expires_at") else None
        person = self._person(cells)
        return [
            Entry(
                line,
                consents.checked(
                    person,
                    consents.ConsentFields(
                        channel.strip().lower(), cell("purpose"), cell("source"), cell("text_shown"), at,
                        ends if act is ConsentAct.GIVEN else None,
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


def said_at(text: str, act: ConsentAct, now: datetime) -> datetime:
    """When it was given, or taken back.

    A taking back without an hour counts from the end of its day, so that no giving of that day outdoes it; one
    without a zone may be ahead of UTC and is of this moment at the latest.
    """
    if act is ConsentAct.GIVEN:
        return moment("at", text, time.min)
    latest = moment("at", text, time.max)
    zoned = _read("at", text, time.max).tzinfo is not None
    if zoned or moment("at", text, time.min) > now + _FURTHEST_AHEAD:
        return latest
    return min(latest, now)


def moment(field: str, text: str, of_day: time) -> datetime:
    """A date alone is its first or last moment (`of_day`) in UTC; so is a time without a zone."""
    found = _read(field, text, of_day)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(field: str, text: str, of_day: time) -> datetime:
    """Naive where the text has no zone."""
    try:
        if len(text) <= len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), of_day)
        return datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        raise Refused(f"{field}: {text[:40]!r} is no time; write 2026-01-31 or 2026-01-31T09:30+01:00") from None
