"""Rows that the system itself owns: the completion codes every organization shares."""

from __future__ import annotations

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.core.completion import SYSTEM_CODES, CompletionCode, Retry
from app.models import CompletionCode as CompletionCodeRow


def ensure_system_rows(session: Session) -> None:
    """Add missing system codes and correct changed ones; safe to run again and again."""
    known = {
        row.name: row
        for row in session.scalars(select(CompletionCodeRow).where(CompletionCodeRow.organization_id.is_(None)))
    }
    missing = [
        {"organization_id": None, "name": code.name, **_columns(code)}
        for code in SYSTEM_CODES.values()
        if code.name not in known
    ]
    if missing:
        session.execute(insert(CompletionCodeRow), missing)
    for code in SYSTEM_CODES.values():
        row, columns = known.get(code.name), _columns(code)
        if row is not None and any(getattr(row, name) != value for name, value in columns.items()):
            session.execute(update(CompletionCodeRow).where(CompletionCodeRow.id == row.id).values(columns))


def _columns(code: CompletionCode) -> dict[str, object]:
    return {
        "description": code.description,
        "human": code.human,
        "rpc": code.rpc,
        "success": code.success,
        "closure": code.closes_contact,
        "nuisance": code.nuisance,
        "counts_as_attempt": code.counts_as_attempt,
        "do_not_call": code.do_not_call,
        "retry": code.retry is not Retry.NO,
    }
