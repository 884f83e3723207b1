"""The parts of trunks' limits in the database: `lease` is the only one to write them. Blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.db import write_transaction
from app.models import Attempt, AttemptState, Trunk, TrunkShare
from engine.shares import NOTHING, Part, Place, granted


def lease(
    engine: Engine, owner: str, wanted: Mapping[Place, Part], now: datetime, until: datetime
) -> dict[Place, Part]:
    """What `owner` has of each place until then: as much of what it wants as others leave."""
    if not wanted:
        return {}
    got: dict[Place, Part] = {}
    with write_transaction(engine) as session:
        ids = sorted({trunk for trunk, _ in wanted})
        # Engines that ask for the same trunk come one after the other.
        trunks = select(Trunk.id, Trunk.max_channels, Trunk.calls_per_second).where(Trunk.id.in_(ids))
        limits = session.execute(trunks.order_by(Trunk.id).with_for_update(key_share=True)).all()
        rows = session.scalars(select(TrunkShare).where(TrunkShare.trunk_id.in_(ids))).all()
        over = _outlived(session, {row.owner for row in rows if row.until <= now})
        for trunk_id, channels, rate in limits:
            mine, others = {}, NOTHING
            for row in rows:
                if row.trunk_id == trunk_id:
                    held = Part(row.channels, row.calls_per_second)
                    if row.until <= now:
                        # Its engine is gone: it starts nothing more, and calls it left may be up.
                        held = Part(min(row.channels, over.get((row.owner, row.server), 0)), 0)
                    if row.owner == owner:
                        mine[row.server] = held
                    else:
                        others += held
            asked = {server: wish for (trunk, server), wish in wanted.items() if trunk == trunk_id}
            for server, held in granted(Part(channels, rate), others, mine, asked).items():
                got[trunk_id, server] = held
        _write(session, owner, ids, got, until)
        gone = [row for row in rows if row.until <= now and not over.get((row.owner, row.server))]
        _forget(session, gone, owner)
    return got


def give_back(engine: Engine, owner: str, until: datetime) -> None:
    """The owner starts nothing more: at `until` what it had is free, but for calls that are still up."""
    with write_transaction(engine) as session:
        mine = (TrunkShare.owner == owner) & (TrunkShare.until > until)
        session.execute(update(TrunkShare).where(mine).values(until=until))


def _outlived(session: Session, owners: Iterable[str]) -> dict[tuple[str, str], int]:
    """Calls of these engines by media server that nobody has taken over yet."""
    counted = (
        select(Attempt.owner, Attempt.media_server, func.count())
        .where(Attempt.state == AttemptState.IN_PROGRESS, Attempt.owner.in_(list(owners)))
        .group_by(Attempt.owner, Attempt.media_server)
    )
    return {(owner, server): count for owner, server, count in session.execute(counted)}


def _write(session: Session, owner: str, trunks: list[int], got: Mapping[Place, Part], until: datetime) -> None:
    session.execute(delete(TrunkShare).where(TrunkShare.owner == owner, TrunkShare.trunk_id.in_(trunks)))
    rows = [
        {
            "trunk_id": trunk,
            "owner": owner,
            "server": server,
            "channels": held.channels,
            "calls_per_second": held.rate,
            "until": until,
        }
        for (trunk, server), held in got.items()
        if held != NOTHING
    ]
    if rows:
        session.execute(insert(TrunkShare), rows)


def _forget(session: Session, gone: Iterable[TrunkShare], owner: str) -> None:
    for row in gone:
        if row.owner != owner:
            key = (TrunkShare.trunk_id == row.trunk_id) & (TrunkShare.server == row.server)
            session.execute(delete(TrunkShare).where(key, TrunkShare.owner == row.owner))
