"""Fetching data sources that are due: one process a source at a time, each file once, and the importer does the rest.

A file becomes an import run (which remembers the file's name, size and time) in the transaction that checks the lease;
only then is it moved or deleted where it came from. A process that dies anywhere leaves either no trace of the file
here, or a run that the importer takes up; the next look then finds the run and only tidies up.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Engine, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import read_transaction, write_transaction
from app.models import DataSource, ImportRun, ImportState
from app.security.access import Actor
from app.security.secrets import Vault
from app.services.importing import Choices, spooling
from app.services.importing.files import preview_head
from app.services.importing.runs import start_import
from app.services.importing.uploads import Uploads
from app.services.sources import schedule as schedules
from app.services.sources.folders import Folder, drop_folder
from app.services.sources.places import Found, Kind, Place
from app.services.sources.schedule import Schedule
from app.services.sources.servers import Server
from common.clock import utcnow
from common.errors import ClarionError, RemoteError

log = structlog.get_logger()

LEASE = timedelta(seconds=120)
#: Seconds between two renewals, and between the two looks at a file that must find it unchanged.
_RENEW = 20.0
SETTLED = 5.0


class LeaseLost(ClarionError):
    """Another process fetches this source now."""


class Ending(ClarionError):
    """This process ends; the source is fetched again by whoever comes next."""


@dataclass(slots=True)
class Tally:
    taken: int = 0
    refused: int = 0
    waiting: int = 0
    problem: str = ""

    def words(self) -> str:
        if self.problem:
            return self.problem
        if not (self.taken or self.refused or self.waiting):
            return "nothing new"
        parts = [(self.taken, "taken"), (self.refused, "refused"), (self.waiting, "still being written")]
        return ", ".join(f"{count} {what}" for count, what in parts if count)


def open_place(source: DataSource, home: Path, vault: Vault) -> Place:
    """Connect. Raise Refused or RemoteError with the mend."""
    place, secret = source.place, vault.decrypt(source.secret_encrypted)
    if source.kind == Kind.FOLDER:
        return Folder(drop_folder(home, source.organization_id, place["folder"]), place["pattern"])
    if source.kind == Kind.SQL:
        from app.services.sources.queries import Query, check_url

        url = check_url(place["url"])
        return Query(url.set(password=secret) if secret else url, place["query"], source.name)
    server = Server(**place, secret=secret)
    if source.kind == Kind.SFTP:
        from app.services.sources.sftp import Sftp

        return Sftp(server)
    from app.services.sources.ftp import Ftp

    return Ftp(server, tls=source.kind == Kind.FTPS)


class Sources:
    """Fetches what is due; `owner` is this process among others of the same database."""

    def __init__(self, engine: Engine, home: Path, vault: Vault, owner: str, *, settled: float = SETTLED) -> None:
        self._engine = engine
        self._home = home
        self._vault = vault
        self._owner = owner
        self._settled = settled
        self._uploads = Uploads(home)
        self._stop = threading.Event()

    def run(self, interval: float = 1.0) -> None:
        """Until `stop`; what fails is logged and tried again later."""
        while not self._stop.is_set():
            try:
                self.work(utcnow())
            except (ClarionError, SQLAlchemyError, OSError) as error:
                log.error("sources.failed", error=str(error), exc_info=error)
                self._stop.wait(5.0)
            self._stop.wait(interval)

    def stop(self) -> None:
        self._stop.set()

    def work(self, now: datetime) -> int:
        """Fetch every source that is due and nobody else's; how many."""
        with read_transaction(self._engine) as session:
            ids = session.scalars(select(DataSource.id).where(*_due(now)).order_by(DataSource.next_run_at)).all()
        return sum(self._fetch(source_id) for source_id in ids if not self._stop.is_set())

    def _fetch(self, source_id: int) -> bool:
        source = claim(self._engine, source_id, self._owner, utcnow())
        if source is None:
            return False
        tally = Tally()
        try:
            self._take_all(source, tally)
        except LeaseLost:
            log.warning("sources.lease_lost", data_source=source_id)
            return False
        except Ending:
            _give_back(self._engine, source, self._owner)
            return False
        except (ClarionError, OSError) as error:
            tally.problem = str(error)[:1000]
        except Exception as error:
            tally.problem = "stopped by a defect of Clarion; the log says more"
            log.error("sources.broken", data_source=source_id, exc_info=error)
        finish(self._engine, source_id, self._owner, tally, utcnow(), dry=_is_dry(source))
        return True

    def _take_all(self, source: DataSource, tally: Tally) -> None:
        place = open_place(source, self._home, self._vault)
        renew = _Renewal(self._engine, source.id, self._owner, self._stop)
        try:
            for file in self._settled_files(source, place, tally):
                self._take(source, place, file, tally, renew)
        finally:
            place.close()

    def _settled_files(self, source: DataSource, place: Place, tally: Tally) -> list[Found]:
        """New files that two looks some seconds apart find the same."""
        found = place.files()
        if source.kind == Kind.SQL:
            return found
        new = [file for file in found if not self._known(source, place, file)]
        if not new:
            return []
        self._stop.wait(self._settled)
        again = set(place.files())
        settled = [file for file in new if file in again]
        tally.waiting += len(new) - len(settled)
        return settled

    def _known(self, source: DataSource, place: Place, file: Found) -> bool:
        """Whether a run has it already; then only its tidying up was missed."""
        with read_transaction(self._engine) as session:
            state = session.scalar(
                select(ImportRun.state)
                .where(ImportRun.data_source_id == source.id, ImportRun.origin == file.origin)
                .limit(1)
            )
        if state is not None and source.place.get("afterwards", "move") != "leave":
            place.finish(file, taken=state != ImportState.FAILED)
        return state is not None

    def _take(self, source: DataSource, place: Place, file: Found, tally: Tally, go_on: Callable[[], None]) -> None:
        with tempfile.TemporaryDirectory(prefix="clarion-source-") as folder:
            raw, head = Path(folder) / "raw", Path(folder) / "head"
            try:
                place.fetch(file, raw, go_on)
            except ClarionError as error:
                if isinstance(error, LeaseLost | Ending | RemoteError):
                    raise
                tally.waiting += 1
                return
            go_on()
            try:
                understood = spooling.understand(raw, Choices(**source.choices), file.name)
                spooling.refuse_guess(understood, file.name)
                spooling.write_head(raw, understood, head, file.name)
                preview = preview_head(head, understood, file.name)
                mapping = {**preview.mapping, **source.mapping}
                self._start(source, file, raw, head, mapping, understood.as_json(), preview.delimiter)
                taken = True
            except LeaseLost:
                raise
            except ClarionError as error:
                self._note_refused(source, file, str(error))
                tally.problem = str(error)[:1000]
                taken = False
        tally.taken += taken
        tally.refused += not taken
        if _is_dry(source):
            place.leave(file)
        else:
            place.finish(file, taken=taken)

    def _start(
        self,
        source: DataSource,
        file: Found,
        raw: Path,
        head: Path,
        mapping: Mapping[str, str],
        understood: Mapping[str, Any],
        delimiter: str,
    ) -> None:
        run_id = 0
        kept = raw
        try:
            with write_transaction(self._engine) as session:
                _require_lease(session, source.id, self._owner)
                actor = Actor.system(source.organization_id)
                run = start_import(
                    session, actor, source.contact_list_id, head, mapping,
                    file_name=file.name, delimiter=delimiter, understood=understood, on_duplicate=source.on_duplicate,
                    mode=source.mode, most_removed=source.most_removed, campaign_id=source.campaign_id,
                    dry=_is_dry(source),
                )  # fmt: skip
                run.data_source_id = source.id
                if run.dry:
                    run.trial = {**run.trial, "origin": file.origin}
                else:
                    run.origin = file.origin
                session.flush()
                run_id = run.id
                kept = self._uploads.adopt(raw)
                self._uploads.hand_over(kept, run_id)
        except BaseException:
            if run_id:
                self._uploads.take_back(run_id)
            raise
        finally:
            if kept != raw:
                kept.unlink(missing_ok=True)

    def _note_refused(self, source: DataSource, file: Found, reason: str) -> None:
        now = utcnow()
        with write_transaction(self._engine) as session:
            _require_lease(session, source.id, self._owner)
            session.add(
                ImportRun(
                    organization_id=source.organization_id, contact_list_id=source.contact_list_id,
                    file_name=file.name[:255], state=ImportState.FAILED, mapping={}, detail=reason,
                    data_source_id=source.id, origin="" if _is_dry(source) else file.origin, dry=_is_dry(source),
                    started_at=now, ended_at=now,
                )
            )  # fmt: skip


def _is_dry(source: DataSource) -> bool:
    """Whether it was claimed to find out only what its files would do: they stay where they are, and are not known."""
    return source.dry_requested


class _Renewal:
    """Called while something lasts: keeps the lease, and ends the work when it is lost or the process stops."""

    def __init__(self, engine: Engine, source_id: int, owner: str, stop: threading.Event) -> None:
        self._engine = engine
        self._source_id = source_id
        self._owner = owner
        self._stop = stop
        self._renewed = time.monotonic()

    def __call__(self) -> None:
        if self._stop.is_set():
            raise Ending
        if time.monotonic() - self._renewed < _RENEW:
            return
        self._renewed = time.monotonic()
        with write_transaction(self._engine) as session:
            _require_lease(session, self._source_id, self._owner)


def claim(engine: Engine, source_id: int, owner: str, now: datetime) -> DataSource | None:
    """Take the lease of a source that is due; None where somebody else has it or it is not due any more. What was asked
    for is taken with it, so that whoever asks from now on asks for another run."""
    with write_transaction(engine) as session:
        claimed = session.execute(
            update(DataSource)
            .where(DataSource.id == source_id, *_due(now))
            .values(lease_owner=owner, lease_until=now + LEASE, run_requested=or_(DataSource.run_requested, _left(now)))
            .returning(DataSource.id)
        ).one_or_none()
        if claimed is None:
            return None
        source = session.get_one(DataSource, source_id)
        session.expunge(source)
        session.execute(update(DataSource).where(DataSource.id == source_id).values(run_requested=False))
        return source


def finish(engine: Engine, source_id: int, owner: str, tally: Tally, now: datetime, *, dry: bool = False) -> None:
    with write_transaction(engine) as session:
        source = session.scalar(
            select(DataSource).where(DataSource.id == source_id, DataSource.lease_owner == owner).with_for_update()
        )
        if source is None:
            return
        source.lease_owner, source.lease_until = "", None
        source.dry_requested = source.dry_requested and source.run_requested
        source.last_run_at, source.last_words = now, f"tried only: {tally.words()}" if dry else tally.words()
        source.last_failed = bool(tally.problem)
        schedule = Schedule.from_json(source.schedule)
        # A run that was due all the same comes next.
        if not dry and source.next_run_at is not None and source.next_run_at <= now:
            source.next_run_at = schedules.next_run(schedule, now)
    log.info("sources.fetched", data_source=source_id, taken=tally.taken, refused=tally.refused, waiting=tally.waiting)


def _give_back(engine: Engine, source: DataSource, owner: str) -> None:
    """It stays due, whether by its schedule or because somebody asked."""
    asked = or_(DataSource.run_requested, literal(source.run_requested or source.dry_requested))
    with write_transaction(engine) as session:
        session.execute(
            update(DataSource)
            .where(DataSource.id == source.id, DataSource.lease_owner == owner)
            .values(lease_owner="", lease_until=None, run_requested=asked)
        )


def _due(now: datetime) -> tuple[Any, ...]:
    free = or_(DataSource.lease_until.is_(None), DataSource.lease_until < now)
    by_itself = (DataSource.next_run_at <= now) & DataSource.paused.is_(False)
    return free, or_(DataSource.run_requested, by_itself, _left(now))


def _left(now: datetime) -> ColumnElement[bool]:
    """A process died over it: what it had begun is still to be done."""
    return DataSource.lease_until.is_not(None) & (DataSource.lease_until < now)


def _require_lease(session: Session, source_id: int, owner: str) -> None:
    """Within the transaction that writes under the lease, which this renews."""
    held = session.execute(
        update(DataSource)
        .where(DataSource.id == source_id, DataSource.lease_owner == owner)
        .values(lease_until=utcnow() + LEASE)
        .returning(DataSource.id)
    ).one_or_none()
    if held is None:
        raise LeaseLost
