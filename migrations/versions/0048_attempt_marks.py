"""Marks of what attempts' texts hold, which an erasure reads instead of all texts; and an index for the addresses of
attempts: each address that was deleted had every attempt read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: Tables whose rows are marked, by the column that has the attempt's id.
_MARKED = {"attempt": "id", "attempt_trace": "attempt_id", "attempt_result": "attempt_id"}
_NAME = "ix_attempt_address"
#: New attempts come after all marks, so nearly always this is one look at the end of the key.
_SQLITE = """
CREATE TRIGGER {table}_marked AFTER INSERT ON {table} FOR EACH ROW
WHEN NEW.{key} <= (SELECT max(through_id) FROM attempt_marks) BEGIN
  DELETE FROM attempt_marks WHERE through_id >= NEW.{key} AND after_id < NEW.{key};
END"""
_POSTGRESQL = """
CREATE FUNCTION {table}_marked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last varchar;
BEGIN
    SELECT max(through_id) INTO last FROM attempt_marks;
    IF EXISTS (SELECT FROM fresh WHERE {key} <= last) THEN
        DELETE FROM attempt_marks USING fresh WHERE through_id >= fresh.{key} AND after_id < fresh.{key};
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER {table}_marked AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_marked();
"""


def upgrade() -> None:
    op.create_table(
        "attempt_marks",
        sa.Column("id", BIG, nullable=False),
        sa.Column("after_id", sa.String(32), nullable=False),
        sa.Column("through_id", sa.String(32), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_marks")),
        sa.UniqueConstraint("through_id", name=op.f("uq_attempt_marks_through_id")),
        sqlite_autoincrement=True,
    )
    known = sa.text("address_id IS NOT NULL")
    op.create_index(_NAME, "attempt", ["address_id"], sqlite_where=known, postgresql_where=known)
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute("ALTER TABLE attempt_marks ALTER marks SET STORAGE EXTERNAL")
    for table, key in _MARKED.items():
        op.execute((_POSTGRESQL if postgresql else _SQLITE).format(table=table, key=key))


def downgrade() -> None:
    for table in _MARKED:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {table}_marked ON {table}; DROP FUNCTION {table}_marked()")
        else:
            op.execute(f"DROP TRIGGER {table}_marked")
    op.drop_index(_NAME, "attempt")
    op.drop_table("attempt_marks")
