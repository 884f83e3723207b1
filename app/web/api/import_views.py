"""Files handed over as a request's body: imported or only tried, watched, cancelled; and whom they took out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, request
from sqlalchemy.orm import Session

from app.models import ImportRun
from app.security.access import Permission
from app.services import exclusions, importing, lists, sources
from app.services.importing import Choices, spooling
from app.services.importing.files import Preview, preview_head
from app.services.importing.spooling import Understood
from app.services.importing.uploads import Uploads
from app.web.api import schemas
from app.web.api.gate import actor, changing, writing_session
from app.web.database import engine, reader
from common.errors import Refused

blueprint = APIBlueprint("imports", __name__, url_prefix="/api/v1", tag="Imports")
#: Bytes of one file.
MOST_BYTES = 256 * 1024**2
_PIECE = 1 << 20
_FIRST = 20
_COUNTS = ("read", "added", "updated", "unchanged", "skipped", "rejected", "removed", "listed")


@blueprint.post("/lists/<int:list_id>/imports")
@blueprint.input(schemas.ImportAsk, location="query", arg_name="asked")
@blueprint.output(schemas.ImportOut, status_code=202)
@blueprint.doc(
    summary="Import a file, or try it", description="The body is the file: CSV or XLSX, also in gzip or zip.",
    security="token", responses=[401, 404, 413, 422],
)  # fmt: skip
def import_file(list_id: int, asked: dict[str, Any]) -> Response:
    """The body is kept in a file, never whole in memory; its digest tells a repeated request."""
    request.max_content_length = MOST_BYTES
    raw = _uploads().incoming()
    try:
        digest = _save(raw)
        actor().require(Permission.LISTS_EDIT)
        lists.get_list(reader(), actor(), list_id)
        # It takes seconds of a large workbook, in which nobody else could write.
        with _looked_at(raw, asked) as file:
            return _Queue(raw, lambda session: _start(session, file, list_id, asked)).answer(digest)
    finally:
        raw.unlink(missing_ok=True)


@blueprint.get("/lists/<int:list_id>/imports")
@blueprint.output(schemas.ImportsOut)
@blueprint.doc(summary="Imports into a list", description="The newest 50.", security="token", responses=[401, 404])
def show_imports(list_id: int) -> dict[str, Any]:
    lists.get_list(reader(), actor(), list_id)
    return {"imports": [_told(reader(), run) for run in importing.list_runs(reader(), actor(), list_id)]}


@blueprint.get("/imports/<int:run_id>")
@blueprint.output(schemas.ImportOut)
@blueprint.doc(summary="How far an import is, and its report", security="token", responses=[401, 404])
def show_import(run_id: int) -> dict[str, Any]:
    return _told(reader(), importing.get_run(reader(), actor(), run_id), rejects=True)


@blueprint.post("/imports/<int:run_id>/cancel")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Stop an import", security="token", responses=[401, 404])
@changing
def cancel(run_id: int) -> tuple[int, Any]:
    importing.request_cancel(writing_session(), actor(), run_id)
    return 204, None


@blueprint.post("/imports/<int:run_id>/import")
@blueprint.output(schemas.ImportOut, status_code=202)
@blueprint.doc(
    summary="Import what a dry run has tried", description="Its file is kept for a day.",
    security="token", responses=[401, 404, 422],
)  # fmt: skip
def import_tried(run_id: int) -> Response:
    queue = _Queue(_uploads().tried(run_id), lambda session: importing.start_tried(session, actor(), run_id))
    return queue.answer()


@blueprint.post("/imports/<int:run_id>/take-out")
@blueprint.output(schemas.MovedOut)
@blueprint.doc(
    summary="Take out who is not in a file that waits to be told so", security="token", responses=[401, 404, 422]
)
def take_out(run_id: int) -> dict[str, int]:
    return {"contacts": importing.confirm_removal(engine(), actor(), run_id)}


@blueprint.post("/imports/<int:run_id>/leave-in")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Leave in who is not in a file that waits to be told so", security="token", responses=[401, 404, 422]
)
def leave_in(run_id: int) -> tuple[dict[str, Any], int]:
    importing.dismiss_removal(engine(), actor(), run_id)
    return {}, 204


@blueprint.post("/imports/<int:run_id>/put-back")
@blueprint.output(schemas.MovedOut)
@blueprint.doc(summary="Put back whom an import took out", security="token", responses=[401, 404, 422])
def put_back(run_id: int) -> dict[str, int]:
    return {"contacts": importing.undo_removal(engine(), actor(), run_id)}


@blueprint.post("/sources/<int:source_id>/runs")
@blueprint.input(schemas.SourceRun, arg_name="body")
@blueprint.output({}, status_code=202)
@blueprint.doc(
    summary="Fetch a data source now", description="A dry run leaves its files where they are.",
    security="token", responses=[401, 404],
)  # fmt: skip
@changing
def run_source(source_id: int, body: dict[str, Any]) -> tuple[int, Any]:
    sources.run_now(writing_session(), actor(), source_id, dry=body["dry_run"])
    return 202, {}


class _Queue:
    """A run that is queued with its file, or not at all."""

    def __init__(self, path: Path, start: Callable[[Session], ImportRun]) -> None:
        self._path = path
        self._start = start
        self._run_id = 0

    def answer(self, digest: str = "") -> Response:
        try:
            return changing(self._queue, digest)()
        except BaseException:
            self._take_back()
            raise

    def _queue(self) -> tuple[int, Any]:
        self._take_back()
        session = writing_session()
        run = self._start(session)
        self._run_id = run.id
        try:
            _uploads().hand_over(self._path, run.id)
        except FileNotFoundError:
            raise Refused("the file is not here any more: it is kept for a day; send it again") from None
        return 202, _told(session, run)

    def _take_back(self) -> None:
        """Of a try whose transaction was rolled back."""
        if self._run_id:
            _uploads().take_back(self._run_id)


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """A file that can be imported: its first rows, and what it is."""

    head: Path
    understood: Understood
    preview: Preview


@contextmanager
def _looked_at(raw: Path, asked: dict[str, Any]) -> Iterator[_LookedAt]:
    """Raise Refused."""
    name = asked["file_name"]
    choices = Choices(**{name: asked[name] for name in ("member", "sheet", "encoding", "delimiter", "heading")})
    understood = spooling.understand(raw, choices, name)
    spooling.refuse_guess(understood, name)
    with tempfile.TemporaryDirectory(prefix="clarion-api-") as folder:
        head = Path(folder) / "head"
        spooling.write_head(raw, understood, head, name)
        yield _LookedAt(head, understood, preview_head(head, understood, name))


def _start(session: Session, file: _LookedAt, list_id: int, asked: dict[str, Any]) -> ImportRun:
    home = lists.get_list(session, actor(), list_id).organization_id
    campaign = exclusions.campaign_of(session, actor(), home, asked["campaign"]).id if "campaign" in asked else None
    return importing.start_import(
        session,
        actor(),
        list_id,
        file.head,
        file.preview.mapping | dict(map(_target, asked["map"])),
        file_name=asked["file_name"],
        delimiter=file.preview.delimiter,
        understood=file.understood.as_json(),
        on_duplicate=asked["on_duplicate"],
        mode=asked["mode"],
        most_removed=asked["most_removed"],
        campaign_id=campaign,
        dry=asked["dry_run"],
    )


def _save(path: Path) -> str:
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    with path.open("wb") as file:
        while piece := request.stream.read(_PIECE):
            digest.update(piece)
            file.write(piece)
    if not path.stat().st_size:
        raise Refused("body: is empty; send the file as it is")
    return digest.hexdigest()


def _target(text: str) -> tuple[str, str]:
    column, equals, target = text.rpartition("=")
    if not (equals and column):
        raise Refused(f"map: {text[:120]!r} is no column and target; write such as Mobile=phone1")
    return column, target


def _told(session: Session, run: ImportRun, *, rejects: bool = False) -> dict[str, Any]:
    first = importing.list_rejects(session, actor(), run.id, limit=_FIRST) if rejects else []
    done = run.state == "completed"
    return {
        "id": run.id,
        "list_id": run.contact_list_id,
        "file_name": run.file_name,
        "state": str(run.state),
        "detail": run.detail or run.trial.get("words", ""),
        "mode": str(run.mode),
        "dry_run": bool(run.dry),
        "percent": 100 if done else 100 * (run.bytes_read or 0) // max(run.bytes_total, 1),
        **{f"rows_{name}": getattr(run, f"rows_{name}") or 0 for name in _COUNTS},
        "removal": str(run.removal or run.trial.get("removal", "")),
        "found": {name: value for name, value in run.trial.items() if name in _FOUND},
        "first_rejects": [{"line": each.line, "field": each.field, "reason": each.reason} for each in first],
    }


_FOUND = ("repeated", "reasons", "countries", "columns")


def _uploads() -> Uploads:
    return Uploads(current_app.config["CLARION"].home)
