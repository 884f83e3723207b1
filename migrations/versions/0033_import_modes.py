"""Files that are the whole list: whom they take out, what imports change, and which import brought a contact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _both() -> list[sa.Column[object]]:
    """Of runs and of sources."""
    return [
        sa.Column("mode", sa.String(8), nullable=False, server_default="delta"),
        sa.Column("most_removed", sa.Integer(), nullable=False, server_default="20"),
    ]


def _run() -> list[sa.Column[object]]:
    return [
        sa.Column("rows_unchanged", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("rows_unread", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("cut_off", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("rows_removed", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("removal", sa.String(8), nullable=False, server_default=""),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    for column in (*_both(), *_run()):
        op.add_column("import_run", column)
    for column in _both():
        op.add_column("data_source", column)
    op.drop_column("import_run", "encoding")
    op.add_column("contact", sa.Column("import_run_id", BIG, nullable=True))
    op.add_column("contact_change", sa.Column("import_run_id", BIG, nullable=True))
    op.add_column("contact_change", sa.Column("via", sa.String(120), nullable=False, server_default=""))
    op.create_index(
        "ix_contact_change_run",
        "contact_change",
        ["import_run_id", "id"],
        sqlite_where=sa.text("import_run_id IS NOT NULL"),
        postgresql_where=sa.text("import_run_id IS NOT NULL"),
    )
    op.create_table(
        "import_seen",
        sa.Column("import_run_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("import_run_id", "contact_id", name=op.f("pk_import_seen")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("import_seen")
    op.drop_index("ix_contact_change_run", "contact_change")
    op.drop_column("contact_change", "via")
    op.drop_column("contact_change", "import_run_id")
    op.drop_column("contact", "import_run_id")
    for column in _both():
        op.drop_column("data_source", column.name)
    op.add_column("import_run", sa.Column("encoding", sa.String(16), nullable=False, server_default="auto"))
    for column in (*_run(), *_both()):
        op.drop_column("import_run", column.name)
