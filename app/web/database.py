"""Database access in a request: one reading session for the whole request, short writing transactions beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from flask import Flask, current_app, g
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.db import session_factory, write_transaction

_EXTENSION = "clarion_engine"


def install(app: Flask, engine: Engine) -> None:
    use(app, engine)
    app.teardown_appcontext(_close)


def use(app: Flask, engine: Engine) -> None:
    """Take the database of this engine from the next request on."""
    app.extensions[_EXTENSION] = engine


def engine() -> Engine:
    return cast("Engine", current_app.extensions[_EXTENSION])


def reader() -> Session:
    """The request's reading session: begun at its first query, so it does not see writes made after that."""
    if "reader" not in g:
        g.reader = session_factory(engine())()
    return cast("Session", g.reader)


def afresh() -> Session:
    """A new reading session, which sees what was written in this request."""
    _close()
    return reader()


@contextmanager
def writing() -> Iterator[Session]:
    """A writing transaction, committed at the end. The reading session starts afresh and sees what was written."""
    _close()
    with write_transaction(engine()) as session:
        yield session


def _close(_error: BaseException | None = None) -> None:
    session: Session | None = g.pop("reader", None)
    if session is not None:
        session.close()
