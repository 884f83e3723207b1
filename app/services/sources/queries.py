"""A query's result as a file: any database that SQLAlchemy has a driver for here, read only and in pieces."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.services.importing.workbooks import unreadable
from app.services.sources.places import Found
from common.errors import Refused, RemoteError
from common.loopback import is_loopback

#: Rows of one result.
MOST_ROWS = 10_000_000
_PIECE = 1000
_LONGEST_QUERY = 20_000
_FIRST_WORDS = ("select", "with", "values", "table")
_BREAKS = str.maketrans({"\n": "\u2028", "\r": None, "\0": "\u2400", "\ufffd": "?"})


def check_url(url: str) -> URL:
    """Raise Refused for what is no address of a database on a server."""
    try:
        parsed = make_url(url.strip())
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ImportError) as error:
        raise Refused(
            "url: is no database that is known here; write such as postgresql+psycopg://user@host/name, and have its "
            "driver installed"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        raise Refused("url: a file on this machine is no server; export it into a watched folder instead")
    if not parsed.host and "host" not in parsed.query:
        raise Refused("url: names no host")
    if parsed.password is not None:
        raise Refused("url: has a password in it; give that in its own field, where it is kept encrypted")
    if parsed.get_backend_name() == "postgresql" and parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def check_query(query: str) -> str:
    query = query.strip().rstrip(";").strip()
    if not query or len(query) > _LONGEST_QUERY:
        raise Refused(f"query: give one of at most {_LONGEST_QUERY:,} characters")
    if not query.lower().startswith(_FIRST_WORDS):
        raise Refused("query: begins with SELECT or WITH; a data source reads and never writes")
    return query


def is_local(url: URL) -> bool:
    """A database of this machine, which may trust whoever asks from here, and may be Clarion's own."""
    return not url.host or is_loopback(url.host)


class Query:
    """One result is one file, whenever it is asked for."""

    def __init__(self, url: URL, query: str, name: str) -> None:
        self._url = url
        self._query = query
        self._name = name

    def files(self) -> list[Found]:
        return [Found(f"{self._name[:100]}.csv", -1, datetime.now(UTC).isoformat())]

    def fetch(self, file: Found, target: Path, go_on: Callable[[], None]) -> None:
        with self._result() as result, target.open("w", encoding="utf-8", newline="", errors="replace") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow([_cell(key) for key in result.keys()])  # noqa: SIM118 - a result's columns, not a mapping
            rows = 0
            for piece in result.partitions(_PIECE):
                writer.writerows([_cell(value) for value in row] for row in piece)
                rows += len(piece)
                if rows > MOST_ROWS:
                    raise Refused(f"query: gives more than {MOST_ROWS:,} rows; narrow it")
                go_on()

    def finish(self, file: Found, *, taken: bool) -> None:
        pass

    def leave(self, file: Found) -> None:
        pass

    def close(self) -> None:
        pass

    def columns(self) -> list[str]:
        """Of the result, without reading it whole."""
        with self._result() as result:
            return [str(key) for key in result.keys()]  # noqa: SIM118 - see above

    @contextmanager
    def _result(self) -> Iterator[Any]:
        engine = create_engine(self._url, poolclass=NullPool, hide_parameters=True)
        try:
            with engine.connect() as connection:
                _read_only(connection)
                # A colon of the query is its own: there are no parameters.
                statement = text(self._query.replace(":", r"\:"))
                streamed = connection.execution_options(stream_results=True, yield_per=_PIECE)
                with streamed.execute(statement) as result:
                    yield result
                connection.rollback()
        except SQLAlchemyError as error:
            words = str(getattr(error, "orig", None) or error).splitlines()[0][:300]
            raise RemoteError(f"{self._url.host or 'the database'}: {words}") from error
        finally:
            engine.dispose()


def _read_only(connection: Connection) -> None:
    """As far as the database can be told so; an account that may only read is the better half."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
    elif connection.dialect.name in ("mysql", "mariadb"):
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
        connection.commit()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return unreadable("a column holds bytes, not text; cast it in the query")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).translate(_BREAKS)
