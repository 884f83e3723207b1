"""One look-up run straight on the driver: SQLAlchemy builds and renders it once, then stays out of the way.

Connections are kept with it, outside any transaction. On PostgreSQL a page then costs one round trip, where taking a
connection from the pool, asking whether it lives, BEGIN and ROLLBACK around the query made five.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Engine, Select, event
from sqlalchemy.pool import PoolProxiedConnection

from common.errors import RemoteError


class DirectQuery:
    """Columns come as the driver gives them; see `from_json`. Only for statements with scalar parameters."""

    def __init__(self, engine: Engine, statement: Select[Any]) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self._engine = engine
        self._broken: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._sql = str(compiled)
        self._fixed: dict[str, Any] = dict(compiled.params)
        #: SQLite's parameters go by position, psycopg's by name.
        self._order: Sequence[str] | None = compiled.positiontup
        #: As many as there are threads that ask.
        self._idle: list[PoolProxiedConnection] = []
        event.listen(engine, "engine_disposed", lambda _: self.close())

    def close(self) -> None:
        while self._idle:
            _throw_away(self._idle.pop())

    def first(self, **parameters: Any) -> tuple[Any, ...] | None:
        """Raise RemoteError where the database does not answer."""
        named = {**self._fixed, **parameters}
        given: Any = named if self._order is None else tuple(named[name] for name in self._order)
        while True:
            kept = bool(self._idle)
            try:
                return self._ask(given)
            except self._broken as error:
                # A kept connection may have died unnoticed, with its server or by an administrator; a new one tells.
                if not kept:
                    raise RemoteError(f"database: {type(error).__name__}", permanent=False) from error

    def _ask(self, given: Any) -> tuple[Any, ...] | None:
        connection = self._take()
        try:
            cursor: Any = connection.cursor()
            cursor.execute(self._sql, given)
            row: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
        except BaseException:
            _throw_away(connection)
            raise
        self._idle.append(connection)
        return row

    def _take(self) -> PoolProxiedConnection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.raw_connection()
            if self._engine.dialect.name == "postgresql":
                raw: Any = connection.dbapi_connection
                raw.autocommit = True
            return connection


def _throw_away(connection: PoolProxiedConnection) -> None:
    """Its settings are ours: the pool must not hand it to others."""
    connection.invalidate()
    connection.close()


def from_json(value: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    """A JSON column: text on SQLite; psycopg has it decoded already, or hands it over as text."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value
