"""A dry run: the whole file goes through every check, and what would become of it is counted. Nothing is written but
the run itself, with its counts and rejects.

Of each row eight bytes are kept, to tell ids that come twice. A run that died begins anew.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, delete, func, select, update
from sqlalchemy.orm import Session

from app.db import among, read_transaction, timed_write, write_transaction
from app.intake import batches, reading
from app.intake import mapping as mappings
from app.intake.chunks import Chunk, Job
from app.models import Contact, ImportMode, ImportReject, ImportRun
from app.services.importing.changing import Changes, Target, compare
from app.services.importing.kinds import infer, takes
from app.services.importing.loading import Position, account, listed
from app.services.importing.plan import Plan
from app.services.importing.readers import chunks_of
from app.services.importing.removal import Facts, decide, was_before
from app.services.importing.standing import differing, split_known, standing

_ROWS = 5000
#: Kinds of rejects that are told apart; further ones are counted together.
_MOST_REASONS = 200
_OTHERS = ("", "other reasons")
_COUNTRY = 6
_COUNTS = (
    "rows_read", "bytes_read", "rows_added", "rows_updated", "rows_unchanged", "rows_skipped", "rows_rejected",
    "rows_unread", "rows_listed", "rows_removed",
)  # fmt: skip


def begin_anew(engine: Engine, run: ImportRun) -> None:
    """Forget what a try that died has counted."""
    with write_transaction(engine) as session:
        values = dict.fromkeys(_COUNTS, 0)
        session.execute(update(ImportRun).where(ImportRun.id == run.id).values(**values, cut_off=False))
        session.execute(delete(ImportReject).where(ImportReject.import_run_id == run.id))
    for name in _COUNTS:
        setattr(run, name, 0)


class DryRun:
    """Goes through the file of one run."""

    def __init__(self, engine: Engine, run: ImportRun, position: Position) -> None:
        self._engine = engine
        self._run = run
        self._position = position
        #: Hashes of ids that the list does not have, contacts that it has, and those of rejected rows.
        self._new, self._known, self._refused = array("q"), array("q"), array("q")
        self._repeated = 0
        self._countries = Counter[str]()
        self._reasons = Counter[tuple[str, str]]()

    def work(self, plan: Plan) -> None:
        """Raise TakenOver; where the run was cancelled the position says so."""
        self._position.report()
        with chunks_of(plan.job, self._position.bytes_total) as source:
            for chunks in _grouped(source):
                self._look(plan.target, chunks)
                if self._position.cancelled:
                    return
        self._conclude(plan.job)

    def _look(self, target: Target, chunks: Sequence[Chunk]) -> None:
        rows, rejects = sum(chunk.rows for chunk in chunks), [each for chunk in chunks for each in chunk.rejects]
        with read_transaction(self._engine) as session:
            counts = self._count(session, target, chunks)
        self._note(chunks, rejects)
        position = self._position
        with timed_write(self._engine) as (session, _):
            end, cut_off = chunks[-1].position, chunks[-1].ends_unread
            position.cancelled = account(session, self._run.id, position, rows, end, counts, rejects, cut_off)
        position.rows_read += rows
        position.rejected += len(rejects)
        position.bytes_read = end
        position.report()

    def _count(self, session: Session, target: Target, chunks: Sequence[Chunk]) -> dict[str, int]:
        known = standing(session, target, [name for chunk in chunks for name in chunk.external_ids])
        added = changed = same = 0
        for chunk in chunks:
            new, theirs = split_known(chunk, known)
            added += len(new.people)
            self._new.extend(map(hash, new.external_ids))
            self._known.extend(again.stored.id for again in theirs if not again.stored.deleted)
            others = () if target.skip_known else differing(session, target, theirs)
            count = sum(compare(target, *each, Changes()) for each in others)
            changed, same = changed + count, same + len(theirs) - count
            self._repeated += chunk.repeated
        if target.remembers:
            self._refused.extend(_alive(session, target, [name for chunk in chunks for name in chunk.refused_ids]))
        return {
            "rows_added": added,
            "rows_updated": changed,
            "rows_skipped" if target.skip_known else "rows_unchanged": same,
            "rows_unread": sum(chunk.unread for chunk in chunks),
            "rows_listed": listed(session, target.organization_id, chunks),
        }

    def _note(self, chunks: Iterable[Chunk], rejects: Iterable[tuple[int, str, str, str]]) -> None:
        for chunk in chunks:
            self._countries.update(address[_COUNTRY] for address in chunk.addresses if address[_COUNTRY])
        for _, field, reason, _ in rejects:
            known = (field, reason) in self._reasons or len(self._reasons) < _MOST_REASONS
            self._reasons[(field, reason) if known else _OTHERS] += 1

    def _conclude(self, job: Job) -> None:
        columns = _types(job)
        known, named = _distinct(self._known), _distinct(self._known + self._refused)
        with read_transaction(self._engine) as session:
            run = session.get_one(ImportRun, self._run.id)
            before = session.scalar(select(func.count()).select_from(Contact).where(*was_before(run))) or 0
        new = _distinct(self._new)
        trial: dict[str, Any] = {
            **run.trial,
            "repeated": self._repeated + len(self._new) - new + len(self._known) - known,
            "reasons": [[*key, count] for key, count in self._reasons.most_common()],
            "countries": dict(self._countries.most_common()),
            "columns": columns,
        }
        missing = max(0, before - named)
        if run.mode != ImportMode.DELTA:
            taken = run.rows_added + run.rows_updated + run.rows_unchanged + run.rows_skipped
            verdict, words = decide(
                Facts(
                    run.mode, taken, run.rows_rejected, run.rows_unread, run.cut_off, before, missing, run.most_removed
                )
            )
            trial |= {"removal": verdict.value, "words": words}
        with write_transaction(self._engine) as session:
            values = {"rows_added": new, "trial": trial}
            values["rows_removed"] = missing if trial.get("removal") == "done" else 0
            session.execute(update(ImportRun).where(ImportRun.id == run.id).values(values))


def _grouped(source: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    chunks, rows = list[Chunk](), 0
    for chunk in source:
        chunks.append(chunk)
        rows += chunk.rows
        if rows >= _ROWS:
            yield chunks
            chunks, rows = [], 0
    if chunks:
        yield chunks


def _alive(session: Session, target: Target, external_ids: Sequence[str]) -> list[int]:
    if not external_ids:
        return []
    mine = (Contact.contact_list_id == target.contact_list_id, Contact.deleted_at.is_(None))
    return list(session.scalars(select(Contact.id).where(*mine, among(session, Contact.external_id, external_ids))))


def _distinct(values: array[int]) -> int:
    import numpy as np

    return len(np.unique(np.frombuffer(values, dtype=np.int64))) if values else 0


def _types(job: Job) -> dict[str, str]:
    """The type that all values of a column have, of columns that become attributes."""
    form = reading.Format(job.delimiter, job.columns)
    places = [place for place, column in enumerate(job.columns) if mappings.is_attribute(job.mapping[column])]
    kinds: dict[int, str] = {}
    with reading.open_text(Path(job.path)) as file:
        for batch in batches.batches(file, form) if places else ():
            for place in places:
                cells = {row[place].strip() for row in batch.rows} - {""}
                if place not in kinds:
                    if cells:
                        kinds[place] = infer(sorted(cells))
                elif not takes(kinds[place], cells):
                    kinds[place] = _wider(kinds[place], cells)
    return {job.columns[place]: str(kind) for place, kind in kinds.items()}


def _wider(kind: str, cells: Iterable[str]) -> str:
    """Whole numbers are decimals too; everything else that does not fit is text."""
    return "decimal" if kind == "integer" and takes("decimal", cells) else "string"
