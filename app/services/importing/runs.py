"""The life of an import: start, run in chunks, cancel, resume after a crash.

Each chunk's contacts, rejects and progress are one transaction, so a run that died is taken up at the first row that
was not committed, and no row is counted twice. Rows are parsed outside the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.phone import is_country
from app.db import insert_missing, is_away, write_transaction
from app.intake import mapping as mappings
from app.intake import reading
from app.intake.rows import Reject
from app.models import (
    NAMING,
    Attribute,
    AttributeType,
    Campaign,
    ContactList,
    ImportMode,
    ImportRun,
    ImportState,
    OnDuplicate,
)
from app.security.access import Actor, Permission, get_scoped, scoped
from app.services.audit import record
from app.services.contact_names import last_contact
from app.services.importing.dry import DryRun, begin_anew
from app.services.importing.loading import Loader, Position, Progress, TakenOver
from app.services.importing.naming import Namer
from app.services.importing.plan import country_of_file, plan
from app.services.importing.rejects import list_rejects
from app.services.importing.removal import forget_leftovers, give_up_earlier, take_out
from common.clock import utcnow
from common.errors import ClarionError, Refused

log = structlog.get_logger()

#: Percent of a list that a full file may take out without being asked about.
MOST_REMOVED = 20
_FIRST_REJECTS = 10
_FINISHED = (ImportState.COMPLETED, ImportState.CANCELLED, ImportState.FAILED)


@dataclass(frozen=True, slots=True)
class Summary:
    state: str
    rows_read: int
    rows_added: int
    rows_updated: int
    rows_unchanged: int
    #: Not in a file that is the whole list, and taken out of the list.
    rows_removed: int
    #: Known already, where duplicates are skipped.
    rows_skipped: int
    rows_rejected: int
    #: On a do-not-call list, whether added or updated.
    rows_listed: int
    detail: str
    first_rejects: tuple[Reject, ...]


def start_import(
    session: Session,
    actor: Actor,
    contact_list_id: int,
    path: Path,
    mapping: Mapping[str, str] | None = None,
    *,
    file_name: str = "",
    delimiter: str = "",
    understood: Mapping[str, Any] | None = None,
    types: Mapping[str, str] | None = None,
    on_duplicate: str = OnDuplicate.UPDATE,
    mode: str = ImportMode.DELTA,
    most_removed: int = MOST_REMOVED,
    campaign_id: int | None = None,
    dry: bool = False,
) -> ImportRun:
    """Check file and mapping (the suggested one if None) and queue a run; unknown attributes are made,
    as text where `types` says nothing else.

    `path` is the spool, or its first rows, of what `understood` (`spooling.Understood` as JSON) tells. `mode` is an
    `ImportMode`; a full file takes out up to `most_removed` percent of the list without asking, and one that excludes
    does so from the campaign, or all. A `dry` run finds out what would happen and writes nothing but itself.
    Raise Refused, with nothing changed, when the file or the mapping cannot be used.
    """
    actor.require(Permission.LISTS_EDIT)
    check_mode(mode, most_removed, on_duplicate)
    form = reading.detect(path, delimiter)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    _check_countries(contact_list, understood or {})
    if campaign_id is not None:
        get_scoped(session, actor, Campaign, campaign_id)
    check = mappings.check_naming if mode in NAMING else mappings.check
    checked = check(form.columns, mappings.suggest(form.columns) if mapping is None else mapping)
    chosen = {name: _type_of(name, types or {}) for name in mappings.attributes(checked)}
    if not dry:
        make_attributes(session, contact_list.organization_id, chosen)
    run = ImportRun(
        organization_id=contact_list.organization_id,
        contact_list_id=contact_list.id,
        file_name=(file_name or path.name)[:255],
        understood={**(understood or {}), "columns": list(form.columns)},
        delimiter=form.delimiter,
        mapping=checked,
        on_duplicate=on_duplicate,
        mode=mode,
        most_removed=most_removed,
        campaign_id=campaign_id,
        dry=dry,
        trial={"types": chosen} if dry else {},
        bytes_total=path.stat().st_size,
        created_by=actor.user_id,
        started_at=utcnow(),
    )
    session.add(run)
    session.flush()
    after = {"list": contact_list.name, "file": run.file_name, "mode": str(mode)}
    record(session, actor, "import.try" if dry else "import.start", run, after=after)
    return run


def _check_countries(contact_list: ContactList, understood: Mapping[str, Any]) -> None:
    for whose, country in (("list", contact_list.home_country), ("file", country_of_file(understood))):
        if not is_country(country) and (country or whose == "list"):
            raise Refused(f"home country of the {whose}: {country!r} is no country; write such as US")


def run_import(
    engine: Engine,
    actor: Actor,
    run_id: int,
    path: Path,
    on_progress: Callable[[Progress], None] | None = None,
    home: Path | None = None,
) -> None:
    """Run or resume a queued import to its end; `path` is the file it was started with. Its state tells the outcome.
    What is learnt of numbers is kept in the state directory `home`."""
    with write_transaction(engine) as session:
        actor.require(Permission.LISTS_EDIT)
        run = get_scoped(session, actor, ImportRun, run_id)
        if run.state in _FINISHED:
            raise Refused(f"import {run_id} is {run.state}; start a new one")
        # What was decided at the file's end has its words already.
        run.state, run.detail, run.ended_at = ImportState.RUNNING, run.detail if run.removal else "", None
        if run.names_after is None and not run.dry:
            run.names_after = last_contact(session)
        contact_list = session.get_one(ContactList, run.contact_list_id)
        types = {**run.trial.get("types", {}), **_types(session, run.organization_id)}
        session.flush()
        session.expunge_all()
    if run.dry:
        begin_anew(engine, run)
    position = Position(run.rows_read, run.rows_rejected, run.bytes_total, on_progress=on_progress)
    position.numbers.update(run.numbers)
    if not run.dry:
        give_up_earlier(engine, run)
    try:
        if path.stat().st_size != run.bytes_total:
            raise Refused(f"{run.file_name}: the file has changed since the import was started; start a new one")
        _load(engine, run, contact_list, types, path, position, home)
    except TakenOver:
        return
    except (ClarionError, OSError) as error:
        _end(engine, run_id, ImportState.FAILED, str(error))
    except Exception as error:
        if not is_away(error):
            _end(engine, run_id, ImportState.FAILED, "stopped by a defect of Clarion; the log says more")
        # With the database away the run stays as it is, and goes on once it is back.
        raise
    else:
        _end(engine, run_id, ImportState.CANCELLED if position.cancelled else ImportState.COMPLETED, position.note)
    forget_leftovers(engine)


def request_cancel(session: Session, actor: Actor, run_id: int) -> None:
    """The run stops after its current chunk; what is imported stays."""
    actor.require(Permission.LISTS_EDIT)
    run = get_scoped(session, actor, ImportRun, run_id)
    if run.state == ImportState.QUEUED:
        run.state, run.ended_at = ImportState.CANCELLED, utcnow()
    run.cancel_requested = True
    record(session, actor, "import.cancel", run)


def get_run(session: Session, actor: Actor, run_id: int) -> ImportRun:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, ImportRun, run_id)


def find_runs(session: Session, actor: Actor, run_ids: Collection[int | None]) -> dict[int, ImportRun]:
    """Those of them that are known, by id."""
    actor.require(Permission.LISTS_VIEW)
    found = session.scalars(scoped(select(ImportRun), ImportRun, actor).where(ImportRun.id.in_(run_ids)))
    return {run.id: run for run in found}


def list_runs(session: Session, actor: Actor, contact_list_id: int | None = None, limit: int = 50) -> list[ImportRun]:
    """Newest first."""
    actor.require(Permission.LISTS_VIEW)
    statement = scoped(select(ImportRun), ImportRun, actor)
    if contact_list_id is not None:
        statement = statement.where(ImportRun.contact_list_id == contact_list_id)
    return list(session.scalars(statement.order_by(ImportRun.id.desc()).limit(limit)))


def summary(session: Session, actor: Actor, run_id: int) -> Summary:
    run = get_run(session, actor, run_id)
    first = list_rejects(session, actor, run_id, limit=_FIRST_REJECTS)
    return Summary(
        run.state,
        run.rows_read,
        run.rows_added,
        run.rows_updated,
        run.rows_unchanged,
        run.rows_removed,
        run.rows_skipped,
        run.rows_rejected,
        run.rows_listed,
        run.detail,
        tuple(Reject(reject.line, reject.field, reject.reason, reject.row) for reject in first),
    )


def unfinished(session: Session, actor: Actor) -> list[ImportRun]:
    """Runs that were queued or under way: after a restart `run_import` takes them up again."""
    actor.require(Permission.LISTS_VIEW)
    states = (ImportState.QUEUED, ImportState.RUNNING)
    return list(session.scalars(scoped(select(ImportRun).where(ImportRun.state.in_(states)), ImportRun, actor)))


def _load(
    engine: Engine,
    run: ImportRun,
    contact_list: ContactList,
    types: Mapping[str, str],
    path: Path,
    position: Position,
    home: Path | None,
) -> None:
    if run.mode in NAMING:
        Namer(engine, run, contact_list, position).work(path)
        return
    if run.dry:
        made = plan(engine, run, contact_list, types, path, 0, as_copy=False, home=home)
        DryRun(engine, run, position).work(made)
        return
    as_copy = engine.dialect.name == "postgresql"
    made = plan(engine, run, contact_list, types, path, position.rows_read, as_copy=as_copy, home=home)
    loader = Loader(engine, run.id, made.target, position)
    loader.load(made.job, lambda: _finish(engine, run, position, loader.is_cancelled))


def _finish(engine: Engine, run: ImportRun, position: Position, is_cancelled: Callable[[], bool]) -> None:
    """At the file's end: take out who is not in it, where it is the whole list."""
    if run.mode == ImportMode.DELTA:
        return
    position.words = take_out(engine, run.id, is_cancelled)
    position.cancelled = is_cancelled()


def _end(engine: Engine, run_id: int, state: ImportState, detail: str) -> None:
    with write_transaction(engine) as session:
        run = session.get_one(ImportRun, run_id)
        run.state, run.detail, run.ended_at = state, detail, utcnow()
        if state is ImportState.COMPLETED:
            run.bytes_read = run.bytes_total
    log.info(
        "import.ended",
        import_run=run_id,
        state=state.value,
        rows=run.rows_read,
        added=run.rows_added,
        updated=run.rows_updated,
        unchanged=run.rows_unchanged,
        removed=run.rows_removed,
        rejected=run.rows_rejected,
        listed=run.rows_listed,
    )


def check_mode(mode: str, most_removed: int, on_duplicate: str) -> None:
    """Raise Refused with the mend."""
    if on_duplicate not in set(OnDuplicate):
        raise Refused(f"on_duplicate: {on_duplicate!r} is not known; use {' or '.join(OnDuplicate)}")
    if mode not in set(ImportMode):
        raise Refused(f"mode: {mode!r} is not known; use {', '.join(ImportMode)}")
    if not 0 <= most_removed <= 100:
        raise Refused("most_removed: give a percentage from 0 to 100")
    if mode == ImportMode.REPLACE and on_duplicate == OnDuplicate.SKIP:
        raise Refused("mode: a file that replaces the list changes everybody; let known contacts be changed")


def _types(session: Session, organization_id: int) -> dict[str, str]:
    rows = session.execute(select(Attribute.name, Attribute.type).where(Attribute.organization_id == organization_id))
    return {name: kind for name, kind in rows}


def make_attributes(session: Session, organization_id: int, types: Mapping[str, str]) -> None:
    """Those that are not defined yet."""
    rows = [
        {
            "organization_id": organization_id,
            "name": name,
            "type": kind,
            "read_only": False,
            "masked": False,
            "private": False,
        }
        for name, kind in types.items()
    ]
    if rows:
        session.execute(insert_missing(session, Attribute), rows)


def _type_of(attribute: str, types: Mapping[str, str]) -> str:
    kind = types.get(attribute, AttributeType.STRING)
    if kind not in list(AttributeType):
        raise Refused(f"type of {attribute!r}: use one of {', '.join(AttributeType)}")
    return str(kind)
