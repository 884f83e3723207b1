"""Importing contacts from files: text in any encoding, workbooks, compressed or not."""

from __future__ import annotations

from app.intake.mapping import suggest
from app.services.importing.files import Preview, import_file, make_spool, preview, preview_head
from app.services.importing.loading import Progress
from app.services.importing.rejects import list_rejects, rejects_csv, reveal_reject
from app.services.importing.remembered import remembered_mapping
from app.services.importing.removal import confirm_removal, dismiss_removal, may_put_back, undo_removal
from app.services.importing.runs import (
    MOST_REMOVED,
    Summary,
    find_runs,
    get_run,
    list_runs,
    request_cancel,
    run_import,
    start_import,
    summary,
    unfinished,
)
from app.services.importing.spooling import Choices, Understood
from app.services.importing.trial import Trial, try_out
from app.services.importing.tried import start_tried

__all__ = [
    "MOST_REMOVED",
    "Choices",
    "Preview",
    "Progress",
    "Summary",
    "Trial",
    "Understood",
    "confirm_removal",
    "dismiss_removal",
    "find_runs",
    "get_run",
    "import_file",
    "list_rejects",
    "list_runs",
    "make_spool",
    "may_put_back",
    "preview",
    "preview_head",
    "rejects_csv",
    "remembered_mapping",
    "request_cancel",
    "reveal_reject",
    "run_import",
    "start_import",
    "start_tried",
    "suggest",
    "summary",
    "try_out",
    "undo_removal",
    "unfinished",
]
