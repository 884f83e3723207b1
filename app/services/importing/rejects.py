"""Rows that an import did not take: shown, and taken away as an error file, with what the actor may not see covered."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.intake.mapping import ADDRESS
from app.models import AddressKind, ImportReject, ImportRun
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.csv_text import csv_lines, csv_record
from app.services.masked import MASK, masked_attributes
from common.masking import mask_digits, mask_email, mask_personal

#: Of the error file; those of the file that was imported come after them.
ERROR_COLUMNS = ("line", "field", "reason", "row")
#: Signs of a row that are kept (`ImportReject.row`).
_KEPT = 2000


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """`row` is the file's as the actor sees it; `may_reveal` where the actor may have more of it shown."""

    id: int
    line: int
    field: str
    reason: str
    row: str
    may_reveal: bool


@dataclass(frozen=True, slots=True)
class _Cover:
    """What of a run's rows is not seen: columns of masked attributes, and whether numbers and emails are."""

    run: ImportRun
    masked: Collection[str]
    addresses: bool

    def over(self, row: str) -> str:
        """A row whose cells cannot be told apart for certain, as of a run that did not keep its columns' order, is
        covered whole."""
        mapping = self.run.mapping
        hidden = {column: MASK for column in self.masked}
        if self.addresses:
            hidden |= {column: target for column, target in mapping.items() if ADDRESS.fullmatch(target)}
        if not hidden or not row:
            return mask_personal(row) if self.addresses else row
        columns = _columns(self.run)
        if set(ERROR_COLUMNS) <= set(columns):
            # The rejected row of an earlier import, whole.
            hidden["row"] = MASK
        cells = _cells(row, self.run.delimiter)
        if not columns or len(cells) != len(columns):
            return MASK
        shown = csv_record(
            (
                _cell(cell, hidden[column]) if column in hidden else cell
                for column, cell in zip(columns, cells, strict=True)
            ),
            self.run.delimiter,
        )
        return mask_personal(shown) if self.addresses else shown


def list_rejects(
    session: Session, actor: Actor, run_id: int, *, after_line: int = 0, limit: int = 100
) -> list[RejectedRow]:
    """In the file's order; `after_line` turns the page."""
    actor.require(Permission.LISTS_VIEW)
    run = get_scoped(session, actor, ImportRun, run_id)
    statement = select(ImportReject).where(ImportReject.import_run_id == run.id, ImportReject.line > after_line)
    rows = session.scalars(statement.order_by(ImportReject.line, ImportReject.id).limit(limit)).all()
    seen, revealed = _covers(session, actor, run)
    may = actor.may(Permission.NUMBERS_REVEAL)
    found = []
    for reject in rows:
        shown = seen.over(reject.row)
        more = may and shown != revealed.over(reject.row)
        found.append(RejectedRow(reject.id, reject.line, reject.field, reject.reason, shown, more))
    return found


def rejects_csv(session: Session, actor: Actor, run_id: int) -> Iterator[str]:
    """The error file in pieces: line, field, reason, and the row; then its cells by the file's columns, so that they
    can be mended and imported. A column of which anything is covered is left out: what covers it would be imported."""
    actor.require(Permission.LISTS_VIEW)
    run = get_scoped(session, actor, ImportRun, run_id)
    seen, _ = _covers(session, actor, run)
    columns = _columns(run)
    again = set(ERROR_COLUMNS) <= set(columns)
    left_out = {*seen.masked, *(ERROR_COLUMNS if again else ())}
    shown = [place for place, column in enumerate(columns) if column not in left_out]
    if seen.addresses or (not again and set(columns) & set(ERROR_COLUMNS)):
        shown = []
    yield csv_lines([(*ERROR_COLUMNS, *(columns[place] for place in shown))])
    after = 0
    while rejects := list_rejects(session, actor, run_id, after_line=after, limit=1000):
        yield csv_lines(
            (reject.line, reject.field, reject.reason, reject.row, *_mendable(reject.row, run, shown))
            for reject in rejects
        )
        after = rejects[-1].line


def _mendable(row: str, run: ImportRun, shown: Sequence[int]) -> list[str]:
    """Nothing of a row that was cut, or whose cells cannot be told apart: it is mended in the file itself."""
    cells = _cells(row, run.delimiter) if shown and len(row) < _KEPT else []
    whole = len(cells) == len(_columns(run))
    return [cells[place] if whole else "" for place in shown]


def reveal_reject(session: Session, actor: Actor, reject_id: int) -> tuple[ImportRun, int, str, str]:
    """Of a rejected row its run, its line, the row as the actor sees it and as it may be revealed to the actor; for
    `reveals`, which notes it."""
    actor.require(Permission.LISTS_VIEW, Permission.NUMBERS_REVEAL)
    reject = session.get(ImportReject, reject_id)
    if reject is None:
        raise NotFound(f"rejected row {reject_id}: there is none")
    run = get_scoped(session, actor, ImportRun, reject.import_run_id)
    seen, revealed = _covers(session, actor, run)
    return run, reject.line, seen.over(reject.row), revealed.over(reject.row)


def _covers(session: Session, actor: Actor, run: ImportRun) -> tuple[_Cover, _Cover]:
    """As the actor sees the rows, and as it may have one shown."""
    names = {name for _, name in masked_attributes(session, actor, {run.organization_id})}
    masked = {column for column, target in run.mapping.items() if target in names}
    seen = _Cover(run, masked, addresses=not actor.may(Permission.NUMBERS_VIEW))
    return seen, _Cover(run, () if actor.may(Permission.ATTRIBUTES_REVEAL) else masked, addresses=False)


def _columns(run: ImportRun) -> Sequence[str]:
    """Of its file, in their order; none of a run from before they were kept."""
    columns: Sequence[str] = run.understood.get("columns", ())
    return columns


def _cells(row: str, delimiter: str) -> list[str]:
    """None of what is not exactly one record."""
    try:
        records = list(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return records[0] if len(records) == 1 else []


def _cell(cell: str, hidden: str) -> str:
    """`hidden` is `MASK`, or the address that the column is."""
    if not cell or hidden == MASK:
        return cell and MASK
    return mask_email(cell) if hidden.startswith(AddressKind.EMAIL) else mask_digits(cell)
