"""A benchmark on each kind of database in turn, over so many contacts."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.support.postgres import private_postgres


def server_folder(database_url: str) -> Path | None:
    """Of the PostgreSQL of a benchmark; None on SQLite."""
    host = make_url(database_url).query.get("host")
    return Path(str(host)) if host else None


def on_both(description: str | None, report: Callable[[str, Path, str, int], None]) -> None:
    """Call `report` with the database's name, a folder, an empty database's URL, and how many contacts."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if options.only != "postgresql":
            report("SQLite", home, f"sqlite:///{home}/bench.db", options.contacts)
        if options.only != "sqlite":
            with private_postgres() as server:
                report("PostgreSQL", home, server.create_database("bench"), options.contacts)
