"""Data sources as they are kept: made, changed, paused, asked to run, deleted.

They reach into other machines with passwords, so setting one up is for those who manage settings; whoever edits lists
may run and pause it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.intake.reading import check_delimiter
from app.models import NAMING, Campaign, ContactList, DataSource, ImportMode, ImportRun, OnDuplicate
from app.security.access import Actor, Permission, get_scoped, scoped
from app.security.secrets import Vault
from app.services.audit import record
from app.services.importing import MOST_REMOVED, Choices
from app.services.importing.encodings import AUTO, check_name
from app.services.importing.runs import check_mode
from app.services.sources import schedule as schedules
from app.services.sources.folders import PROCESSED, drop_folder
from app.services.sources.places import Kind
from app.services.sources.queries import check_query, check_url, is_local
from app.services.sources.schedule import Schedule
from common.clock import utcnow
from common.errors import Refused

AFTERWARDS = ("leave", "delete", "move")
PORTS = {Kind.FTP: 21, Kind.FTPS: 21, Kind.SFTP: 22}
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")
_LONGEST_SECRET = 10_000
#: Only a folder's name is checked by it.
_NOWHERE = Path("/")


@dataclass(frozen=True, slots=True)
class SourceFields:
    """A data source as a person fills it in. `secret` None keeps the one there is, "" removes it."""

    name: str
    kind: str
    schedule: Schedule = field(default_factory=Schedule)
    choices: Choices = field(default_factory=Choices)
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_duplicate: str = OnDuplicate.UPDATE
    #: As `importing.start_import` takes them.
    mode: str = ImportMode.DELTA
    most_removed: int = MOST_REMOVED
    campaign_id: int | None = None
    secret: str | None = None
    #: Of a watched folder.
    folder: str = ""
    #: Of a server; the pattern is of folders too.
    host: str = ""
    port: int = 0
    username: str = ""
    path: str = ""
    pattern: str = "*"
    afterwards: str = "leave"
    fingerprint: str = ""
    #: Of a query.
    url: str = ""
    query: str = ""


def list_sources(session: Session, actor: Actor, contact_list_id: int | None = None) -> list[DataSource]:
    actor.require(Permission.LISTS_VIEW)
    statement = scoped(select(DataSource), DataSource, actor).order_by(DataSource.name, DataSource.id)
    if contact_list_id is not None:
        statement = statement.where(DataSource.contact_list_id == contact_list_id)
    return list(session.scalars(statement))


def get_source(session: Session, actor: Actor, source_id: int) -> DataSource:
    actor.require(Permission.LISTS_VIEW)
    return get_scoped(session, actor, DataSource, source_id)


def source_runs(session: Session, actor: Actor, source_id: int, limit: int = 20) -> list[ImportRun]:
    """What it brought, newest first."""
    source = get_source(session, actor, source_id)
    statement = select(ImportRun).where(ImportRun.data_source_id == source.id).order_by(ImportRun.id.desc())
    return list(session.scalars(statement.limit(limit)))


def create_source(
    session: Session, actor: Actor, contact_list_id: int, fields: SourceFields, vault: Vault
) -> DataSource:
    actor.require(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
    contact_list = get_scoped(session, actor, ContactList, contact_list_id)
    _refuse_local_database(actor, fields)
    if fields.campaign_id is not None:
        get_scoped(session, actor, Campaign, fields.campaign_id)
    values, now = _checked(fields), utcnow()
    _refuse_taken_name(session, contact_list_id, values["name"], None)
    source = DataSource(
        organization_id=contact_list.organization_id,
        contact_list_id=contact_list.id,
        **values,
        secret_encrypted=vault.encrypt(fields.secret or ""),
        next_run_at=schedules.first_run(fields.schedule, now),
        created_at=now,
        updated_at=now,
    )
    session.add(source)
    session.flush()
    record(session, actor, "data_source.create", source, after=values)
    return source


def update_source(session: Session, actor: Actor, source_id: int, fields: SourceFields, vault: Vault) -> DataSource:
    """A changed kind or host forgets the secret unless it is given anew: it must not travel to another server."""
    actor.require(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
    source = get_scoped(session, actor, DataSource, source_id)
    _refuse_local_database(actor, fields)
    if fields.campaign_id is not None:
        get_scoped(session, actor, Campaign, fields.campaign_id)
    values, now = _checked(fields), utcnow()
    _refuse_taken_name(session, source.contact_list_id, values["name"], source.id)
    changed = {name: value for name, value in values.items() if getattr(source, name) != value}
    before = {name: getattr(source, name) for name in changed}
    moved = source.kind != values["kind"] or any(
        source.place.get(name) != values["place"].get(name) for name in ("host", "port", "username", "url")
    )
    if fields.secret is not None or moved:
        source.secret_encrypted = vault.encrypt(fields.secret or "")
    if "schedule" in changed:
        source.next_run_at = schedules.first_run(fields.schedule, now)
    for name, value in changed.items():
        setattr(source, name, value)
    source.updated_at = now
    session.flush()
    record(session, actor, "data_source.update", source, before=before, after=changed)
    return source


def pin(session: Session, actor: Actor, source_id: int, fingerprint: str) -> None:
    """Keep the fingerprint of the server's key or certificate."""
    actor.require(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
    source = get_scoped(session, actor, DataSource, source_id)
    if source.kind not in (Kind.SFTP, Kind.FTPS):
        raise Refused("fingerprint: is for SFTP and FTPS")
    before = {"fingerprint": source.place.get("fingerprint", "")}
    source.place = {**source.place, "fingerprint": _fingerprint(source.kind, fingerprint)}
    session.flush()
    record(session, actor, "data_source.pin", source, before=before, after={"fingerprint": fingerprint})


def set_paused(session: Session, actor: Actor, source_id: int, paused: bool) -> None:
    """A paused source is fetched only when somebody says so."""
    actor.require(Permission.LISTS_EDIT)
    source = get_scoped(session, actor, DataSource, source_id)
    if source.paused != paused:
        source.paused = paused
        if not paused and source.schedule.get("repeats") != schedules.Repeats.ONCE:
            source.next_run_at = schedules.first_run(Schedule.from_json(source.schedule), utcnow())
        record(session, actor, "data_source.pause" if paused else "data_source.resume", source)


def run_now(session: Session, actor: Actor, source_id: int, *, dry: bool = False) -> None:
    """A `dry` run leaves the files where they are, and only finds out what importing them would do."""
    actor.require(Permission.LISTS_EDIT)
    source = get_scoped(session, actor, DataSource, source_id)
    source.run_requested, source.dry_requested = True, dry
    record(session, actor, "data_source.try" if dry else "data_source.run", source)


def delete_source(session: Session, actor: Actor, source_id: int) -> None:
    """Its imports stay, and so do the contacts."""
    actor.require(Permission.LISTS_EDIT, Permission.SETTINGS_MANAGE)
    source = get_scoped(session, actor, DataSource, source_id)
    record(session, actor, "data_source.delete", source, before={"name": source.name, "place": source.place})
    session.delete(source)
    session.flush()


def _checked(fields: SourceFields) -> dict[str, Any]:
    """The column values. Raise Refused naming the first field that is wrong and how to mend it."""
    name = fields.name.strip()
    if not name or len(name) > 120 or not name.isprintable():
        raise Refused("name: give 1 to 120 printable characters")
    if fields.kind not in list(Kind):
        raise Refused(f"kind: use one of {', '.join(Kind)}")
    if fields.secret and len(fields.secret) > _LONGEST_SECRET:
        raise Refused(f"secret: {_LONGEST_SECRET:,} characters at most")
    check_mode(fields.mode, fields.most_removed, fields.on_duplicate)
    choices = fields.choices
    if choices.encoding != AUTO:
        check_name(choices.encoding)
    check_delimiter(choices.delimiter)
    return {
        "name": name,
        "kind": str(fields.kind),
        "place": _place(fields),
        "choices": asdict(choices),
        "mapping": {column.strip(): target.strip() for column, target in fields.mapping.items()},
        "on_duplicate": str(fields.on_duplicate),
        "mode": str(fields.mode),
        "most_removed": fields.most_removed,
        "campaign_id": fields.campaign_id if fields.mode in NAMING else None,
        "schedule": schedules.check(fields.schedule).as_json(),
    }


def _place(fields: SourceFields) -> dict[str, Any]:
    pattern = fields.pattern.strip() or "*"
    if len(pattern) > 120 or "/" in pattern:
        raise Refused("pattern: write a file's name with * and ?, such as people-*.csv")
    if fields.kind == Kind.FOLDER:
        folder = fields.folder.strip()
        if folder == PROCESSED:
            raise Refused("folder: takes another name")
        drop_folder(_NOWHERE, 0, folder)
        return {"folder": folder, "pattern": pattern}
    if fields.kind == Kind.SQL:
        check_url(fields.url)
        return {"url": fields.url.strip(), "query": check_query(fields.query)}
    return _server(fields, pattern)


def _server(fields: SourceFields, pattern: str) -> dict[str, Any]:
    host, kind = fields.host.strip().lower(), Kind(fields.kind)
    if not _HOST.fullmatch(host):
        raise Refused("host: is neither a host name nor an IP address; write such as files.example.com")
    if not 0 <= fields.port <= 65_535:
        raise Refused("port: give a whole number up to 65535")
    if any(not text.isprintable() or len(text) > 255 for text in (fields.username, fields.path)):
        raise Refused("path: path and login take 255 printable characters at most")
    if fields.afterwards not in AFTERWARDS:
        raise Refused(f"afterwards: use one of {', '.join(AFTERWARDS)}")
    return {
        "host": host,
        "port": fields.port or PORTS[kind],
        "username": fields.username.strip(),
        "path": fields.path.strip(),
        "pattern": pattern,
        "afterwards": fields.afterwards,
        "fingerprint": _fingerprint(kind, fields.fingerprint),
    }


def _fingerprint(kind: str, text: str) -> str:
    text = text.strip()
    if kind == Kind.FTPS:
        text = text.replace(":", "").lower()
        form = r"[0-9a-f]{64}"
    else:
        form = r"SHA256:[A-Za-z0-9+/]{43}"
    if text and not re.fullmatch(form, text):
        raise Refused("fingerprint: write SHA256:... as ssh-keygen shows it (SFTP), or 64 hexadecimal digits (FTPS)")
    return text


def _refuse_local_database(actor: Actor, fields: SourceFields) -> None:
    """One organization's administrator must not read another's rows from the database that both are in."""
    if fields.kind == Kind.SQL and is_local(check_url(fields.url)):
        actor.require_global()


def _refuse_taken_name(session: Session, contact_list_id: int, name: str, own_id: int | None) -> None:
    same = select(DataSource.id).where(DataSource.contact_list_id == contact_list_id, DataSource.name == name)
    taken = session.scalar(same)
    if taken is not None and taken != own_id:
        raise Refused(f"name: the list has a data source named {name!r} already; choose another")
