"""Files that name contacts and bring none: whoever is in one is excluded from calling, or that is reset.

A row names by its id where it has one, else by any of its addresses. Rows, progress and rejects are one transaction, as
in other imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import chunk_budget, next_chunk_size, timed_write
from app.intake import batches, reading
from app.intake import mapping as mappings
from app.intake.batches import Batch
from app.models import Campaign, ContactList, ImportMode, ImportRun
from app.services import exclusions
from app.services.exclusions import Mark, Subject
from app.services.importing.loading import Position, account
from common.clock import utcnow
from common.errors import Refused

_LARGEST = 5000


@dataclass(frozen=True, slots=True)
class _Columns:
    """Places of the columns that name a contact."""

    id: int | None
    addresses: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, columns: Sequence[str], mapping: Mapping[str, str]) -> _Columns:
        targets = [(place, mapping[column]) for place, column in enumerate(columns)]
        found = ((place, mappings.ADDRESS.fullmatch(target)) for place, target in targets)
        addresses = tuple((place, match[1]) for place, match in found if match)
        return cls(next((place for place, target in targets if target == mappings.ID), None), addresses)

    def subjects(self, cells: Sequence[str]) -> list[Subject]:
        if self.id is not None and cells[self.id].strip():
            return [(mappings.ID, cells[self.id].strip())]
        return [(kind, cells[place].strip()) for place, kind in self.addresses if cells[place].strip()]


class Namer:
    """Goes through the file of one run."""

    def __init__(self, engine: Engine, run: ImportRun, contact_list: ContactList, position: Position) -> None:
        self._engine = engine
        self._run = run
        self._list = contact_list
        self._position = position

    def work(self, path: Path) -> None:
        """Raise TakenOver; where the run was cancelled the position says so."""
        form = reading.detect(path, self._run.delimiter)
        columns = _Columns.of(form.columns, mappings.check_naming(form.columns, self._run.mapping))
        size, gathered, count = 500, list[Batch](), 0
        self._position.report()
        with reading.open_text(path) as file:
            for batch in batches.batches(file, form, self._position.rows_read):
                gathered.append(batch)
                count += len(batch)
                if count < size:
                    continue
                size = next_chunk_size(size, self._write(columns, gathered, file.buffer.tell()), _LARGEST, self._budget)
                gathered, count = [], 0
                if self._position.cancelled:
                    return
            if gathered:
                self._write(columns, gathered, file.buffer.tell())

    @property
    def _budget(self) -> float:
        return chunk_budget(self._engine)

    def _write(self, columns: _Columns, gathered: Sequence[Batch], end: int) -> float:
        position, rows = self._position, sum(map(len, gathered))
        rejects = [(bad.line, "", bad.reason, bad.text) for batch in gathered for bad in batch.bad]
        with timed_write(self._engine) as (session, held):
            named, refused = self._named(session, columns, gathered)
            rejects += refused
            changed = self._change(session, set[int]().union(*named))
            counts = {"rows_updated": len(changed), "rows_unchanged": _unchanged(named, changed)}
            rejects.sort()
            position.cancelled = account(session, self._run.id, position, rows, end, counts, rejects)
        position.rows_read += rows
        position.rejected += len(rejects)
        position.bytes_read = end
        position.report()
        return held()

    def _change(self, session: Session, ids: set[int]) -> set[int]:
        """Who is changed; of a dry run, who is named."""
        mark = _mark(session, self._run)
        if self._run.dry:
            return ids
        change = exclusions.put_marks if self._run.mode == ImportMode.EXCLUDE else exclusions.take_marks
        return change(session, mark, ids, utcnow())

    def _named(
        self, session: Session, columns: _Columns, gathered: Sequence[Batch]
    ) -> tuple[list[set[int]], list[tuple[int, str, str, str]]]:
        """Contacts of each row that names some, and the rows that name none."""
        asked, places = list[Subject](), list[tuple[int, str, list[int]]]()
        for batch in gathered:
            for line, cells, text in zip(batch.lines, batch.rows, batch.texts, strict=True):
                subjects = columns.subjects(cells)
                places.append((line, text, list(range(len(asked), len(asked) + len(subjects)))))
                asked += subjects
        found = exclusions.find(session, self._list, asked)
        named, rejects = list[set[int]](), list[tuple[int, str, str, str]]()
        for line, text, mine in places:
            theirs = [found[place] for place in mine]
            contacts = {contact_id for each in theirs if isinstance(each, set) for contact_id in each}
            if contacts:
                named.append(contacts)
            else:
                reasons = [f"{asked[place][0]} {found[place]}" for place in mine]
                rejects.append((line, "", "; ".join(reasons) or "has neither id, phone nor email", text))
        return named, rejects


def _unchanged(named: Sequence[set[int]], changed: set[int]) -> int:
    """How many rows change nobody whom no earlier row has changed: a number may be of several contacts, and a contact
    may be named again."""
    left, count = set(changed), 0
    for contacts in named:
        count += contacts.isdisjoint(left)
        left -= contacts
    return count


def _mark(session: Session, run: ImportRun) -> Mark:
    """Raise Refused where the campaign is gone."""
    if run.campaign_id is None:
        return Mark(run.organization_id, None, run_id=run.id)
    campaign = session.get(Campaign, run.campaign_id)
    if campaign is None or campaign.organization_id != run.organization_id:
        raise Refused("the campaign that was to be excluded from is gone; start a new import")
    return Mark(run.organization_id, campaign.id, campaign.name, run_id=run.id)
