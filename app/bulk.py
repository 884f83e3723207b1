"""Rows that are there already, gone through by id and changed in short transactions. What comes from elsewhere goes
through `app.db.write_in_chunks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, Row, Select
from sqlalchemy.orm import Session

from app.db import chunk_budget, next_chunk_size, read_transaction, timed_write

#: Rows that are looked for at a time, and written in one transaction at first, at least and at most. Fewer would not
#: hold the write lock shorter: on a busy disk the commit alone takes longer than they do.
_PAGE, _FIRST, _LEAST, _LARGEST = 5000, 300, 200, 5000
#: The same of rows that take others along, or touch a page of an index each.
HEAVY = (150, 100)

#: Rows that begin with an id, of those after the one given, in their order.
Meant = Callable[[int], Select[*tuple[Any, ...]]]
Rows = Sequence[Row[*tuple[Any, ...]]]


def ids_of(rows: Rows) -> list[int]:
    return [row[0] for row in rows]


def change_in_chunks(
    engine: Engine,
    meant: Meant,
    write: Callable[[Session, Rows], object],
    *,
    after: int = 0,
    go_on: Callable[[], bool] = lambda: True,
    sizes: tuple[int, int] | None = None,
) -> bool:
    """Hand all that are meant to `write`, leaving room for other writers in between; False where `go_on`, which is
    asked before each transaction, ended it.

    Pages are read before their transactions: `write` asks again for whatever may have changed meanwhile. `sizes` are
    the rows of the first and of the smallest transaction.
    """
    size, least = sizes or (_FIRST, _LEAST)
    while True:
        with read_transaction(engine) as session:
            page = session.execute(meant(after).limit(_PAGE)).all()
        if not page:
            return True
        start = 0
        while start < len(page):
            if not go_on():
                return False
            chunk = page[start : start + size]
            with timed_write(engine) as (session, held):
                write(session, chunk)
            start += len(chunk)
            size = max(least, next_chunk_size(size, held(), _LARGEST, chunk_budget(engine)))
        after = page[-1][0]
