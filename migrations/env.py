"""Alembic's environment: migrations run over the engine of app.db, so that both databases behave as in production."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from alembic import context

import app.models
from app.db import make_engine
from common.settings import Settings

TARGET = app.models.Base.metadata
#: What PostgreSQL has triggers for, or the keys of others see to (revisions 0022, 0036 and 0045).
KEPT_BY_TRIGGERS = frozenset(
    {
        "fk_contact_organization_id",
        "fk_contact_contact_list_id",
        "fk_address_organization_id",
        "fk_address_contact_id",
        "fk_job_contact_job_id",
    }
)
#: By which addresses are found on one database alone.
ELSEWHERE = {"sqlite": "ix_address_value", "postgresql": "ix_address_block"}


def run() -> None:
    # It is one of an expression, of which SQLAlchemy cannot read on SQLite what it is.
    warnings.filterwarnings("ignore", f".*expression-based index '?{ELSEWHERE['postgresql']}")
    url = context.config.attributes.get("url") or Settings.load().database_url
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            if sqlite:
                # A table rebuilt by batch mode is dropped and renamed: with foreign keys on, its children would go too.
                # Said to the driver: a statement of ours would begin a transaction, in which SQLite does not hear it.
                raw = connection.connection.dbapi_connection
                raw.execute("PRAGMA foreign_keys = OFF")
            else:
                # Better to fail and be tried again than to queue everybody behind a waiting ALTER TABLE. Set for the
                # whole connection: each migration is a transaction of its own.
                connection.exec_driver_sql("SET lock_timeout = '4s'")
            connection.commit()
            context.configure(
                connection=connection,
                target_metadata=TARGET,
                render_as_batch=sqlite,
                compare_type=True,
                include_object=_is_compared_on(connection.dialect.name),
                transaction_per_migration=True,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


def _is_compared_on(dialect: str) -> Callable[[object, str | None, str, bool, object], bool]:
    def is_compared(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
        if kind == "index":
            return name != ELSEWHERE[dialect]
        return kind != "foreign_key_constraint" or dialect == "sqlite" or name not in KEPT_BY_TRIGGERS

    return is_compared


if context.is_offline_mode():
    raise SystemExit("migrations run online only: give the database, not an SQL file")
run()
