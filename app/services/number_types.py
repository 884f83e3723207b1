"""Kinds of numbers for addresses that came before they were kept, told in the background.

A piece at a time, in the order of the addresses, beside whatever else the database has to do. How far it is stands in
`catch_up`, and one process at a time is at it, under a claim that is renewed with each piece; after a crash the next
goes on where the last piece ended. A row that somebody else is just changing is never waited for while others are held:
it comes with the next piece. What is no number of any country's plan has no kind, and keeps none.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, CursorResult, Engine, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core.phone import known_number
from app.db import among, bulk_engine, chunk_budget, next_chunk_size, read_transaction, timed_write, write_transaction
from app.models import Address, AddressKind, CatchUp, CatchUpName
from common.clock import utcnow

log = structlog.get_logger()

#: Addresses of the first and smallest piece, and of the largest. Fewer would take less than their commit does, which
#: would be all that is done on a busy machine.
_FIRST, _LARGEST = 1_000, 20_000
#: Longer than a piece takes on a busy machine.
_CLAIM = timedelta(seconds=60)
#: Seconds until a piece of which somebody else held rows is looked at again.
_PAUSE = 0.1
_MINE = CatchUp.name == CatchUpName.NUMBER_TYPES


class _Lost(Exception):
    """Another is at it."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Addresses up to `after` are done; `until` tells this claim from a later one."""

    after: int
    until: datetime


def tell_number_types(engine: Engine, go_on: Callable[[], bool] = lambda: True) -> int:
    """Tell them as far as `go_on`, which is asked before each piece, says; of how many addresses."""
    now = utcnow()
    with read_transaction(engine) as session:
        if session.scalar(select(CatchUp.name).where(_MINE, _free(now))) is None:
            return 0
    with bulk_engine(engine) as bulk:
        claim = _claimed(bulk, now)
        return _tell(bulk, claim, go_on) if claim else 0


def _tell(engine: Engine, claim: _Claim, go_on: Callable[[], bool]) -> int:
    told, size = 0, _FIRST
    try:
        while go_on():
            with timed_write(engine) as (session, held):
                last = _end(session, claim.after, size)
                if last is None:
                    _finish(session, claim)
                    break
                found, whole = _piece(session, claim.after, last)
                claim = _move(session, claim, last if whole else claim.after)
            told += found
            if not whole:
                time.sleep(_PAUSE)
            size = max(_FIRST, next_chunk_size(size, held(), _LARGEST, chunk_budget(engine)))
        else:
            with write_transaction(engine) as session:
                _move(session, claim, claim.after, release=True)
    except _Lost:
        log.info("number_types.left_to_another")
    return told


def _end(session: Session, after: int, size: int) -> int | None:
    """The last address of the next piece; None where there is none any more."""
    ids = select(Address.id).where(Address.id > after).order_by(Address.id).limit(size).subquery()
    last: int | None = session.scalar(select(func.max(ids.c.id)))
    return last


def _piece(session: Session, after: int, last: int) -> tuple[int, bool]:
    """How many got a kind, and whether somebody else held none of the rest."""
    open_ones = and_(
        Address.id > after, Address.id <= last, Address.kind == AddressKind.PHONE, Address.number_type == ""
    )
    held = session.execute(
        select(Address.id, Address.value).where(open_ones).order_by(Address.id).with_for_update(skip_locked=True)
    ).all()
    told = defaultdict[str, list[int]](list)
    for key, value in held:
        if (number := known_number(value)) and number.type:
            told[number.type].append(key)
    for number_type, keys in told.items():
        mine = update(Address).where(among(session, Address.id, keys)).values(number_type=number_type)
        session.execute(mine.execution_options(synchronize_session=False))
    left = session.scalar(select(func.count()).select_from(Address).where(open_ones)) or 0
    count = sum(map(len, told.values()))
    return count, left == len(held) - count


def _claimed(engine: Engine, now: datetime) -> _Claim | None:
    claim = _Claim(0, now + _CLAIM)
    with write_transaction(engine) as session:
        taken = session.execute(update(CatchUp).where(_MINE, _free(now)).values(claimed_until=claim.until))
        assert isinstance(taken, CursorResult)
        return replace(claim, after=session.scalar(select(CatchUp.after).where(_MINE)) or 0) if taken.rowcount else None


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(CatchUp.claimed_until.is_(None), CatchUp.claimed_until < now)


def _move(session: Session, claim: _Claim, after: int, *, release: bool = False) -> _Claim:
    """Keep how far it is, and for how long the claim holds. Raise _Lost where it does not hold any more."""
    until = utcnow() + _CLAIM
    values = {"after": after, "claimed_until": None if release else until}
    moved = session.execute(update(CatchUp).where(_MINE, CatchUp.claimed_until == claim.until).values(values))
    assert isinstance(moved, CursorResult)
    if not moved.rowcount:
        raise _Lost
    return _Claim(after, until)


def _finish(session: Session, claim: _Claim) -> None:
    done = session.execute(delete(CatchUp).where(_MINE, CatchUp.claimed_until == claim.until))
    assert isinstance(done, CursorResult)
    if done.rowcount:
        log.info("number_types.told")
