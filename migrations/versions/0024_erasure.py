"""Requests to be erased, and contacts that were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("contact", sa.Column("erased_at", MOMENT, nullable=True))
    op.create_table(
        "erasure",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("requested_by", BIG, nullable=True),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("found_by", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("removed", JSON, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        reference("organization_id", "organization", "CASCADE"),
        reference("requested_by", "user", "SET NULL"),
    )
    op.create_index("ix_erasure_organization", "erasure", ["organization_id", "id"])
    going = sa.text("state <> 'completed'")
    op.create_index("ix_erasure_open", "erasure", ["id"], sqlite_where=going, postgresql_where=going)


def downgrade() -> None:
    op.drop_table("erasure")
    op.drop_column("contact", "erased_at")


def reference(column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_erasure_{column}"), ondelete=on_delete)
