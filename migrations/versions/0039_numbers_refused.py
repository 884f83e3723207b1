"""Numbers that are never taken, and ranges that are dialled though their kind never is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "reject_pattern",
        *owned("reject_pattern"),
        sa.Column("pattern", sa.String(64), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            "organization_id", "pattern", "country", name=op.f("uq_reject_pattern_organization_id_pattern_country")
        ),
    )
    op.create_table(
        "opened_range",
        *owned("opened_range"),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("organization_id", "prefix", name=op.f("uq_opened_range_organization_id_prefix")),
    )


def downgrade() -> None:
    for table in ("opened_range", "reject_pattern"):
        op.drop_table(table)


def owned(table: str) -> list[sa.SchemaItem]:
    return [
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="CASCADE"
        ),
    ]
