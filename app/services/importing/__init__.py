"""Importing contacts from CSV files."""

from __future__ import annotations

from app.services.importing.mapping import suggest
from app.services.importing.runs import (
    Preview,
    Progress,
    Summary,
    get_run,
    import_file,
    list_rejects,
    list_runs,
    preview,
    rejects_csv,
    request_cancel,
    run_import,
    start_import,
    summary,
    unfinished,
)

__all__ = [
    "Preview",
    "Progress",
    "Summary",
    "get_run",
    "import_file",
    "list_rejects",
    "list_runs",
    "preview",
    "rejects_csv",
    "request_cancel",
    "run_import",
    "start_import",
    "suggest",
    "summary",
    "unfinished",
]
