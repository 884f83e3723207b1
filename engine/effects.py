"""What outcomes do to other rows: addresses switched off, trunks put to rest, media servers seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, or_, select, update

from app.db import read_transaction, write_transaction
from app.models import Address, Job, JobState, MediaServer, Trunk
from app.services.trunk_groups import read_group

#: How details about a resting trunk begin, so that they can be taken back.
TRUNK_RESTS = "trunk "


def disable_address(engine: Engine, address_id: int, code: str) -> None:
    with write_transaction(engine) as session:
        session.execute(
            update(Address).where(Address.id == address_id, Address.disabled_code == "").values(disabled_code=code)
        )


def rest_trunk(engine: Engine, trunk_id: int, until: datetime, reason: str) -> None:
    """No calls leave by the trunk until then; the jobs that use it say so."""
    with write_transaction(engine) as session:
        trunk = session.get(Trunk, trunk_id)
        if trunk is None:
            return
        trunk.paused_until, trunk.paused_reason = until, reason[:255]
        words = f"{TRUNK_RESTS}{trunk.name!r} rests until {until:%H:%M:%S} UTC: {reason}"[:500]
        group = {other.id for other in read_group(session, trunk)}
        for job in session.scalars(select(Job).where(Job.state == JobState.RUNNING)):
            if int(job.settings.get("trunk_id", 0)) in group:
                job.detail = words


@dataclass(frozen=True, slots=True)
class ServerRow:
    id: int
    name: str
    url: str


def media_servers(engine: Engine, default_url: str) -> list[ServerRow]:
    """The servers in use; where none is known at all, the one of the settings is entered."""
    with read_transaction(engine) as session:
        rows = session.execute(select(MediaServer.id, MediaServer.name, MediaServer.url, MediaServer.enabled)).all()
    if rows:
        return [ServerRow(row.id, row.name, row.url) for row in rows if row.enabled]
    with write_transaction(engine) as session:
        values = {"name": "local", "url": default_url, "enabled": True, "boot_id": "", "capacity": 0, "active_calls": 0}
        if session.scalar(select(MediaServer.id).limit(1)) is None:
            session.execute(insert(MediaServer).values(values))
    return media_servers(engine, default_url)


@dataclass(frozen=True, slots=True)
class Seen:
    id: int
    boot_id: str
    capacity: int
    active_calls: int
    load: Mapping[str, Any]


def note_servers(engine: Engine, seen: Sequence[Seen], now: datetime) -> None:
    if not seen:
        return
    with write_transaction(engine) as session:
        for server in seen:
            session.execute(
                update(MediaServer)
                .where(
                    MediaServer.id == server.id, or_(MediaServer.last_seen_at.is_(None), MediaServer.last_seen_at < now)
                )
                .values(
                    boot_id=server.boot_id,
                    capacity=server.capacity,
                    active_calls=server.active_calls,
                    load=dict(server.load),
                    last_seen_at=now,
                )
            )
