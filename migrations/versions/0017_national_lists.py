"""National do-not-call lists with the day they were drawn, and files that were taken into lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("dnc_list", sa.Column("national", sa.String(8), nullable=False, server_default=""))
    op.add_column("dnc_entry", sa.Column("file_id", BIG, nullable=True))
    op.create_table(
        "dnc_coverage",
        sa.Column("dnc_list_id", BIG, nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("dnc_list_id", "prefix", name=op.f("pk_dnc_coverage")),
        reference("dnc_coverage", "dnc_list_id", "dnc_list", "CASCADE"),
    )
    op.create_table(
        "dnc_file",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=True),
        sa.Column("dnc_list_id", BIG, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("action", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_changed", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("first_rejects", JSON, nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_file")),
        reference("dnc_file", "organization_id", "organization", "CASCADE"),
        reference("dnc_file", "dnc_list_id", "dnc_list", "CASCADE"),
    )
    op.create_index("ix_dnc_file_list", "dnc_file", ["dnc_list_id", "id"])


def downgrade() -> None:
    op.drop_table("dnc_file")
    op.drop_table("dnc_coverage")
    op.drop_column("dnc_entry", "file_id")
    op.drop_column("dnc_list", "national")


def reference(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=on_delete)
