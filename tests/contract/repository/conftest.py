from tests.support.database import (  # noqa: F401
    migrated_postgres_url,
    postgres_engine,
    postgres_template,
    sqlite_engine,
    sqlite_template,
    sqlite_url,
)
