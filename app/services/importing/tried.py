"""From a dry run to the import itself, of the same file and in the same way."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import NAMING, ContactList, ImportRun, ImportState
from app.security.access import Actor, Permission, get_scoped
from app.services.audit import record
from app.services.importing.runs import make_attributes
from common.clock import utcnow
from common.errors import Refused

_SAME = (
    "organization_id", "contact_list_id", "file_name", "understood", "delimiter", "mapping", "on_duplicate", "mode",
    "most_removed", "campaign_id", "bytes_total", "data_source_id",
)  # fmt: skip


def start_tried(session: Session, actor: Actor, run_id: int) -> ImportRun:
    """Queue the import that a dry run has tried. Refused where a data source has brought its file meanwhile."""
    actor.require(Permission.LISTS_EDIT)
    tried = get_scoped(session, actor, ImportRun, run_id)
    if not tried.dry or tried.state in (ImportState.QUEUED, ImportState.RUNNING):
        raise Refused(f"import {run_id} is no dry run that has ended")
    contact_list = get_scoped(session, actor, ContactList, tried.contact_list_id)
    origin = str(tried.trial.get("origin", ""))
    if origin:
        same = (ImportRun.data_source_id == tried.data_source_id, ImportRun.origin == origin)
        if session.scalar(select(ImportRun.id).where(*same).limit(1)) is not None:
            raise Refused("the source has brought this file since; look at what it brought")
    if tried.mode not in NAMING:
        make_attributes(session, tried.organization_id, tried.trial.get("types", {}))
    run = ImportRun(
        **{name: getattr(tried, name) for name in _SAME},
        origin=origin,
        created_by=actor.user_id,
        started_at=utcnow(),
    )
    session.add(run)
    session.flush()
    after = {"list": contact_list.name, "file": run.file_name, "mode": run.mode, "tried": tried.id}
    record(session, actor, "import.start", run, after=after)
    return run
