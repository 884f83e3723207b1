"""What columns became the last time: who imports a file of the same columns again need not say it again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.intake.mapping import IGNORED
from app.models import NAMING
from app.security.access import Actor
from app.services.importing.rejects import ERROR_COLUMNS
from app.services.importing.runs import list_runs

_LOOKED_AT = 20


def remembered_mapping(session: Session, actor: Actor, contact_list_id: int, columns: Sequence[str]) -> dict[str, str]:
    """By column, from the list's newest import of just these columns; {} where there is none. Of the error file of an
    import its own columns are left out, and those that are covered for somebody may be missing."""
    for run in list_runs(session, actor, contact_list_id, _LOOKED_AT):
        there = set(columns)
        errors = there.issuperset(ERROR_COLUMNS) and not set(ERROR_COLUMNS) & set(run.mapping)
        own = there - set(ERROR_COLUMNS) if errors else there
        if run.mode not in NAMING and (own == set(run.mapping) or (errors and own and own <= set(run.mapping))):
            return {column: run.mapping.get(column, IGNORED) for column in columns}
    return {}
