"""Importing contacts from files: text in any encoding, workbooks, compressed or not."""

from __future__ import annotations

from app.services.importing.files import Preview, import_file, make_spool, preview, preview_head
from app.services.importing.loading import Progress
from app.services.importing.mapping import suggest
from app.services.importing.runs import (
    Summary,
    get_run,
    list_rejects,
    list_runs,
    rejects_csv,
    request_cancel,
    run_import,
    start_import,
    summary,
    unfinished,
)
from app.services.importing.spooling import Choices, Understood
from app.services.importing.trial import Trial, try_out

__all__ = [
    "Choices",
    "Preview",
    "Progress",
    "Summary",
    "Trial",
    "Understood",
    "get_run",
    "import_file",
    "list_rejects",
    "list_runs",
    "make_spool",
    "preview",
    "preview_head",
    "rejects_csv",
    "request_cancel",
    "run_import",
    "start_import",
    "suggest",
    "summary",
    "try_out",
    "unfinished",
]
