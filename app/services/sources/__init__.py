"""Data sources: watched folders, file servers and queries, fetched by schedule into contact lists."""

from __future__ import annotations

from app.services.sources.places import Kind
from app.services.sources.records import (
    AFTERWARDS,
    SourceFields,
    create_source,
    delete_source,
    get_source,
    list_sources,
    pin,
    run_now,
    set_paused,
    source_runs,
    update_source,
)
from app.services.sources.running import Sources
from app.services.sources.schedule import Repeats, Schedule
from app.services.sources.testing import Probe, probe

__all__ = [
    "AFTERWARDS",
    "Kind",
    "Probe",
    "Repeats",
    "Schedule",
    "SourceFields",
    "Sources",
    "create_source",
    "delete_source",
    "get_source",
    "list_sources",
    "pin",
    "probe",
    "run_now",
    "set_paused",
    "source_runs",
    "update_source",
]
