"""Files as they arrive, in any form that is understood: looked at, and imported in one go."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine, select, update

from app.db import read_transaction, write_transaction
from app.intake import mapping as mappings
from app.intake import reading
from app.models import ImportMode, ImportRun, ImportState, OnDuplicate
from app.security.access import Actor
from app.services.importing import spooling
from app.services.importing.kinds import infer
from app.services.importing.loading import Progress
from app.services.importing.removal import abandon
from app.services.importing.runs import MOST_REMOVED, run_import, start_import
from app.services.importing.spooling import Choices, Understood
from app.services.importing.uploads import Uploads, locked
from common.clock import utcnow
from common.errors import ClarionError, Refused

SHOWN_ROWS = 10
#: Seconds between two looks whether a run is to be cancelled.
_ASKED_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Preview:
    understood: Understood
    columns: tuple[str, ...]
    #: The first rows, cells in the columns' order.
    rows: tuple[tuple[str, ...], ...]
    mapping: dict[str, str]
    #: The type that each column's values have, as far as the first rows tell; an `AttributeType`.
    types: dict[str, str]
    delimiter: str
    #: What could not be read among the first rows: (line, reason).
    problems: tuple[tuple[int, str], ...]


def preview(path: Path, choices: Choices | None = None, *, name: str = "") -> Preview:
    """What the file holds and what its columns seem to be. Raise Refused when it cannot be imported."""
    understood = spooling.understand(path, choices, name)
    with tempfile.TemporaryDirectory(prefix="clarion-head-") as folder:
        head = Path(folder) / (name or path.name)
        spooling.write_head(path, understood, head, name)
        return preview_head(head, understood)


def preview_head(head: Path, understood: Understood, name: str = "") -> Preview:
    """The same of a spool's first rows; `name` is the file's own."""
    try:
        form = reading.detect(head, understood.choices.delimiter)
    except Refused as refused:
        raise Refused(str(refused).replace(head.name, name or head.name)) from refused
    rows: list[tuple[str, ...]] = []
    problems: list[tuple[int, str]] = []
    with reading.open_text(head) as file:
        for item in islice(reading.records(file, form), spooling.HEAD_ROWS):
            if isinstance(item, reading.Record):
                rows.append(tuple(item.cells))
            elif len(problems) < SHOWN_ROWS:
                problems.append((item.line, item.reason))
    types = {column: infer([row[index] for row in rows]) for index, column in enumerate(form.columns)}
    mapping = mappings.suggest(form.columns)
    return Preview(understood, form.columns, tuple(rows[:SHOWN_ROWS]), mapping, types, form.delimiter, tuple(problems))


def import_file(
    engine: Engine,
    actor: Actor,
    contact_list_id: int,
    path: Path,
    mapping: Mapping[str, str] | None = None,
    *,
    choices: Choices | None = None,
    on_duplicate: str = OnDuplicate.UPDATE,
    mode: str = ImportMode.DELTA,
    most_removed: int = MOST_REMOVED,
    campaign_id: int | None = None,
    dry: bool = False,
    home: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> int:
    """Start an import and run it to its end; the run's id. One that is interrupted is cancelled; where this process is
    killed, the importer of the state directory `home` takes it up."""
    uploads = Uploads(home) if home else None
    with spooling.spooled(path, choices, within=uploads.folder() if uploads else None) as spool, locked(spool):
        delimiter = choices.delimiter if choices else ""
        run_id = 0
        try:
            with write_transaction(engine) as session:
                run_id = start_import(
                    session, actor, contact_list_id, spool, mapping,
                    delimiter=delimiter, on_duplicate=on_duplicate, mode=mode, most_removed=most_removed,
                    campaign_id=campaign_id, dry=dry,
                ).id  # fmt: skip
                if uploads:
                    uploads.hand_over_spool(spool, run_id)
        except BaseException:
            _take_back(uploads, run_id)
            raise
        try:
            run_import(engine, actor, run_id, spool, on_progress, home)
        except Exception:
            # Where its end could not be written either, the importer goes on with the file.
            raise
        except BaseException:
            end_unfinished(engine, run_id, "interrupted; what was imported until then stays")
            _take_back(uploads, run_id)
            raise
        _take_back(uploads, run_id)
    return run_id


def _take_back(uploads: Uploads | None, run_id: int) -> None:
    if uploads and run_id:
        uploads.take_back(run_id)


def make_spool(engine: Engine, run: ImportRun, raw: Path, spool: Path, *, stopping: Callable[[], bool]) -> bool:
    """Make the spool of a queued run's file where there is none yet. False: there is no file to import, and the run's
    state says why, or `stopping` became true and it is to be done again."""
    if not raw.exists():
        return spool.exists()
    if not spool.exists():
        understood = Understood.from_json(run.understood)
        asked = time.monotonic()

        def go_on() -> bool:
            nonlocal asked
            if time.monotonic() - asked < _ASKED_EVERY:
                return not stopping()
            asked = time.monotonic()
            with read_transaction(engine) as session:
                wanted = session.scalar(select(ImportRun.cancel_requested).where(ImportRun.id == run.id))
            return wanted is False and not stopping()

        try:
            if not spooling.write_spool(raw, understood, spool, go_on, run.file_name):
                if not stopping():
                    _close(engine, run.id, ImportState.CANCELLED, "")
                return False
        except (ClarionError, OSError) as error:
            _close(engine, run.id, ImportState.FAILED, str(error))
            return False
    with write_transaction(engine) as session:
        size = spool.stat().st_size
        session.execute(update(ImportRun).where(ImportRun.id == run.id).values(bytes_total=size))
    return True


def end_unfinished(engine: Engine, run_id: int, why: str) -> None:
    """Cancel a run at which nobody works any more; it takes nobody out of its list."""
    abandon(engine, run_id)
    _close(engine, run_id, ImportState.CANCELLED, why)


def _close(engine: Engine, run_id: int, state: ImportState, detail: str) -> None:
    with write_transaction(engine) as session:
        values = {"state": state.value, "detail": detail, "ended_at": utcnow()}
        session.execute(update(ImportRun).where(ImportRun.id == run_id).values(values))
