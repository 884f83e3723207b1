from __future__ import annotations

from tests.support.database import (  # noqa: F401
    database_url,
    engine,
    migrated_postgres_url,
    postgres_engine,
    postgres_template,
    sqlite_template,
    sqlite_url,
)
