"""Texts that name an erased person, blotted out wherever they are: of all tables but those listed in `_IMPERSONAL`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Engine, Select, String, Table, Text, cast, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.traces import BLOT, Traces
from app.db import read_transaction, write_transaction
from app.models import AttemptResult, AttemptTrace, Base, DncEntry, ImportReject, ImportRun
from app.services.privacy import marking

_PAGE = 2000
#: What the site itself set up; and what has a way of its own in `emptying`.
_IMPERSONAL = frozenset(
    """
    address allowed_host attempt attempt_marks calling_window campaign campaign_dnc_group completion_code consent_event
    consent_evidence contact dialing_rule dnc_coverage dnc_entry dnc_group dnc_group_list dnc_list erasure
    guard_time holiday import_reject job job_contact kept_deletion lease media_server number_defaults number_format
    opened_range organization reject_pattern retention_rule script script_file script_revision strategy
    strategy_revision subject_export test_call trunk trunk_share user zone_rule
    """.split()
)
#: Of which marks tell where to read.
_MARKED: Sequence[Any] = (AttemptTrace.__table__, AttemptResult.__table__)
#: Between the texts of a row, so that nothing is found across two.
_BORDER = "\x1f"


def rejects(engine: Engine, home: int, traces: Traces) -> int:
    """Rows of files as people sent them: a number may be written in any way, so each is read."""
    removed, after = 0, 0
    while True:
        with read_transaction(engine) as session:
            page = session.execute(
                select(ImportReject.id, ImportReject.row, ImportReject.reason)
                .join(ImportRun, ImportRun.id == ImportReject.import_run_id)
                .where(ImportRun.organization_id == home, ImportReject.id > after)
                .order_by(ImportReject.id)
                .limit(_PAGE)
            ).all()
        if not page:
            return removed
        found = [key for key, row, reason in page if traces.found_in(row) or traces.found_in(reason)]
        if found:
            with write_transaction(engine) as session:
                session.execute(update(ImportReject).where(ImportReject.id.in_(found)).values(row=BLOT, reason=BLOT))
        removed, after = removed + len(found), page[-1].id


def everywhere(engine: Engine, home: int, traces: Traces) -> int:
    """Texts of all other tables, and the proofs of do-not-call entries; how many rows."""
    changed = 0
    for table in Base.metadata.sorted_tables:
        if table.name not in _IMPERSONAL and table not in _MARKED:
            changed += _blot(engine, table, [column for column in table.columns if _is_text(column)], home, traces)
    with read_transaction(engine) as session:
        spans = marking.spans_to_read(session, traces)
    for table in _MARKED:
        for span in spans:
            columns = [column for column in table.columns if isinstance(column.type, JSON)]
            changed += _blot(engine, table, columns, home, traces, span.holds(table.c.attempt_id))
    entries = DncEntry.__table__
    assert isinstance(entries, Table)
    return changed + _blot(engine, entries, [entries.c.proof], home, traces, entries.c.proof != "")


def _blot(
    engine: Engine, table: Table, columns: Sequence[Column[Any]], home: int, traces: Traces, *only: ColumnElement[bool]
) -> int:
    hints = traces.hints()
    if not columns or not hints:
        return 0
    whose = [] if (owner := table.columns.get("organization_id")) is None else [or_(owner == home, owner.is_(None))]
    with read_transaction(engine) as session:
        rows = session.execute(_hinted(session, table, columns, hints, *whose, *only)).all()
    changed = 0
    for row in rows:
        new = {column.name: traces.blot_json(getattr(row, column.name)) for column in columns}
        if any(value != getattr(row, name) for name, value in new.items()):
            with write_transaction(engine) as session:
                keys = table.primary_key.columns
                session.execute(update(table).where(*(key == getattr(row, key.name) for key in keys)).values(new))
                if table in _MARKED:
                    marking.unmark(session, [row.attempt_id])
            changed += 1
    return changed


def _hinted(
    session: Session, table: Table, columns: Sequence[Column[Any]], hints: Sequence[str], *which: ColumnElement[bool]
) -> Select[Any]:
    """Rows of which a text holds one of the hints. All texts of a row are put together and made small letters once, not
    once for each hint."""
    texts: list[ColumnElement[str]] = [func.coalesce(cast(column, Text), "") for column in columns]
    said = func.lower(reduce(lambda one, other: one.concat(_BORDER).concat(other), texts))
    if session.get_bind().dialect.name == "sqlite":
        raw: Any = session.connection().connection.dbapi_connection
        raw.create_function("holds_hint", 1, lambda text: any(hint in text for hint in hints), deterministic=True)
        return select(table).where(*which, func.holds_hint(said) == 1)
    # The offset keeps the planner from putting the expression in each of its places.
    rows = select(table, said.label("said")).where(*which).offset(0).subquery()
    held = or_(*(func.strpos(rows.c.said, hint) > 0 for hint in hints))
    return select(*(column for column in rows.c if column.name != "said")).where(held)


def _is_text(column: Column[Any]) -> bool:
    return isinstance(column.type, String | JSON) and not column.primary_key
