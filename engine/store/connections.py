"""Kept driver connections for the statements that carry the load: no pool, ping or result layer in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from app.db import NO_WAIT, take_turn
from common.errors import RemoteError

#: What no second try mends: the values do not fit.
_PERMANENT = (sqlite3.IntegrityError, sqlite3.DataError, psycopg.IntegrityError, psycopg.DataError)
_KEPT = 4
# Each statement touches a batch of rows by their keys. The planner must not think otherwise because a table was still
# empty when it was looked at last: a plan made then would be kept while the table grows.
_BY_INDEX = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off"


class Cursor(Protocol):
    """What sqlite3's and psycopg's cursors have in common."""

    rowcount: int
    connection: Any

    def execute(self, statement: Any, values: Sequence[Any] = ...) -> Any: ...

    def executemany(self, statement: Any, rows: Sequence[Sequence[Any]]) -> Any: ...

    def fetchall(self) -> list[Any]: ...


def as_remote(error: BaseException) -> RemoteError:
    """A driver's error as the store tells it."""
    words = str(error).partition("\n")[0]
    return RemoteError(f"database: {type(error).__name__}: {words}", permanent=isinstance(error, _PERMANENT))


class Connections:
    """Hands out connections of the engine's pool and keeps them; a broken one is thrown away.

    The driver's errors become RemoteError, `permanent` where the values themselves were refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._postgres = engine.dialect.name == "postgresql"
        self._idle: list[PoolProxiedConnection] = []

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A transaction with the write lock; committed at the end, rolled back by an exception."""
        with self._connection() as raw:
            if self._postgres:
                with raw.transaction(), raw.cursor() as cursor:
                    yield cursor
                return
            take_turn(raw)
            try:
                yield raw.cursor()
            except BaseException:
                raw.rollback()
                raise
            raw.commit()

    @contextmanager
    def statement(self) -> Iterator[Cursor]:
        """For one statement that is a transaction by itself: PostgreSQL needs no BEGIN and COMMIT around it."""
        if not self._postgres:
            with self.transaction() as cursor:
                yield cursor
            return
        with self._connection() as raw, raw.cursor() as cursor:
            yield cursor

    def close(self) -> None:
        while self._idle:
            self._throw_away(self._idle.pop())

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        try:
            proxy = self._take()
        except (sqlite3.Error, psycopg.Error) as error:
            # The pool hands the driver's own error on.
            raise as_remote(error) from error
        try:
            yield proxy.dbapi_connection
        except (sqlite3.Error, psycopg.Error) as error:
            told = as_remote(error)
            self._give_back(proxy, whole=told.permanent)
            raise told from error
        except BaseException:
            self._give_back(proxy, whole=False)
            raise
        self._give_back(proxy, whole=True)

    def _take(self) -> PoolProxiedConnection:
        try:
            return self._idle.pop()
        except IndexError:
            proxy = self._engine.raw_connection()
            raw: Any = proxy.dbapi_connection
            if self._postgres:
                raw.autocommit = True
            raw.execute(_BY_INDEX if self._postgres else NO_WAIT)
            return proxy

    def _give_back(self, proxy: PoolProxiedConnection, *, whole: bool) -> None:
        if whole and len(self._idle) < _KEPT:
            self._idle.append(proxy)
        else:
            self._throw_away(proxy)

    def _throw_away(self, proxy: PoolProxiedConnection) -> None:
        """Its settings are ours: the pool must not hand it to others."""
        proxy.invalidate()
        proxy.close()
