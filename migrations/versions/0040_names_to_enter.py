"""How far the names of an import are entered; those of contacts that are marked as deleted go; on PostgreSQL changes of
names wait for whoever enters them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LEAVE = """DELETE FROM contact_name WHERE contact_id = OLD.id AND organization_id = OLD.organization_id
  AND term IN (lower(OLD.first_name), lower(OLD.last_name));"""
_COME = """INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.first_name), NEW.id
  WHERE NEW.first_name <> '' {alive} ON CONFLICT DO NOTHING;
INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.last_name), NEW.id
  WHERE NEW.last_name <> '' {alive} ON CONFLICT DO NOTHING;"""
_CHANGED = "OLD.first_name <> NEW.first_name OR OLD.last_name <> NEW.last_name"
_MARKED = "(OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)"
#: SQLite's one write lock says the same.
_WAIT = "PERFORM pg_advisory_xact_lock_shared(hashtext('contact_name'), OLD.organization_id::integer);"


def upgrade() -> None:
    op.add_column("import_run", sa.Column("names_after", BIG, nullable=True))
    op.add_column("import_run", sa.Column("names_claimed_until", sa.DateTime(timezone=True), nullable=True))
    waits = sa.text("names_after IS NOT NULL")
    op.create_index(
        "ix_import_run_names", "import_run", ["contact_list_id"], sqlite_where=waits, postgresql_where=waits
    )
    _follow("first_name, last_name, deleted_at", f"{_CHANGED} OR {_MARKED}", "AND NEW.deleted_at IS NULL", _WAIT)
    op.execute("DELETE FROM contact_name WHERE contact_id IN (SELECT id FROM contact WHERE deleted_at IS NOT NULL)")


def downgrade() -> None:
    _follow("first_name, last_name", _CHANGED, "", "")
    op.drop_index("ix_import_run_names", "import_run")
    op.drop_column("import_run", "names_claimed_until")
    op.drop_column("import_run", "names_after")


def _follow(columns: str, changed: str, alive: str, wait: str) -> None:
    body = f"{_LEAVE} {_COME.format(alive=alive)}"
    event = f"CREATE TRIGGER contact_renamed AFTER UPDATE OF {columns} ON contact FOR EACH ROW"
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER contact_renamed")
        op.execute(f"{event} WHEN {changed} BEGIN {body} END")
        return
    for name, does in (("contact_renamed", body), ("contact_gone", _LEAVE)):
        op.execute(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {wait} {does} RETURN NULL; END $$"
        )
    op.execute("DROP TRIGGER contact_renamed ON contact")
    op.execute(f"{event} WHEN ({changed}) EXECUTE FUNCTION contact_renamed()")
