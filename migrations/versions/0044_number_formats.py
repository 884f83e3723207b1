"""How numbers of each country are written, and what holds for all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "number_format",
        *owned("number_format"),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("lengths", sa.String(64), nullable=False),
        sa.Column("pad", sa.Integer(), nullable=False),
        sa.Column("trunk_prefix", sa.String(8), nullable=False),
        sa.Column("local", JSON, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("organization_id", "country", name=op.f("uq_number_format_organization_id_country")),
    )
    op.create_table(
        "number_defaults",
        *owned("number_defaults"),
        sa.Column("home_country", sa.String(2), nullable=False),
        sa.Column("separator", sa.String(1), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("organization_id", name=op.f("uq_number_defaults_organization_id")),
    )


def downgrade() -> None:
    for table in ("number_defaults", "number_format"):
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
