"""Rows that an import did not take: shown, and taken away as an error file, with masked attributes covered."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ImportReject, ImportRun
from app.security.access import Actor, NotFound, Permission, get_scoped
from app.services.csv_text import csv_lines
from app.services.masked import MASK, masked_attributes


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """`row` is the file's, its masked attributes as the actor sees them."""

    id: int
    line: int
    field: str
    reason: str
    row: str


def list_rejects(
    session: Session, actor: Actor, run_id: int, *, after_line: int = 0, limit: int = 100
) -> list[RejectedRow]:
    """In the file's order; `after_line` turns the page."""
    actor.require(Permission.LISTS_VIEW)
    run = get_scoped(session, actor, ImportRun, run_id)
    statement = select(ImportReject).where(ImportReject.import_run_id == run.id, ImportReject.line > after_line)
    rows = session.scalars(statement.order_by(ImportReject.line, ImportReject.id).limit(limit)).all()
    masked = _masked_columns(session, actor, run)
    return [
        RejectedRow(reject.id, reject.line, reject.field, reject.reason, _covered(reject.row, run, masked))
        for reject in rows
    ]


def rejects_csv(session: Session, actor: Actor, run_id: int) -> Iterator[str]:
    """The error file in pieces: line, field, reason, and the row."""
    after = 0
    yield csv_lines([("line", "field", "reason", "row")])
    while rejects := list_rejects(session, actor, run_id, after_line=after, limit=1000):
        yield csv_lines((reject.line, reject.field, reject.reason, reject.row) for reject in rejects)
        after = rejects[-1].line


def get_reject(session: Session, actor: Actor, reject_id: int) -> tuple[ImportRun, ImportReject, str]:
    """One of them, with its run and as the actor sees it."""
    actor.require(Permission.LISTS_VIEW)
    reject = session.get(ImportReject, reject_id)
    if reject is None:
        raise NotFound(f"rejected row {reject_id}: there is none")
    run = get_scoped(session, actor, ImportRun, reject.import_run_id)
    return run, reject, _covered(reject.row, run, _masked_columns(session, actor, run))


def _masked_columns(session: Session, actor: Actor, run: ImportRun) -> set[str]:
    masked = {name for _, name in masked_attributes(session, actor, {run.organization_id})}
    return {column for column, target in run.mapping.items() if target in masked}


def _covered(row: str, run: ImportRun, masked: Collection[str]) -> str:
    """A row whose cells cannot be told apart for certain, as of a run that did not keep its columns' order, is covered
    whole."""
    if not masked or not row:
        return row
    columns: Sequence[str] = run.understood.get("columns", ())
    cells = _cells(row, run.delimiter)
    if not columns or len(cells) != len(columns):
        return MASK
    shown = [MASK if column in masked and cell else cell for column, cell in zip(columns, cells, strict=True)]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=run.delimiter, lineterminator="").writerow(shown)
    return buffer.getvalue()


def _cells(row: str, delimiter: str) -> list[str]:
    """None of what is not exactly one record."""
    try:
        records = list(csv.reader(io.StringIO(row, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return records[0] if len(records) == 1 else []
