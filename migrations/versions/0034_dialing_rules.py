"""What is dialled for a number, by which trunk, and in which country trunks are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("trunk", text("country", 2))
    for table in ("attempt", "test_call"):
        op.add_column(table, text("dialled", 32))
    op.create_table(
        "dialing_rule",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("trunk_id", BIG, nullable=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("written", sa.String(12), nullable=False),
        sa.Column("strip", sa.Integer(), nullable=False),
        sa.Column("strip_prefix", sa.String(16), nullable=False),
        sa.Column("prepend", sa.String(16), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dialing_rule")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_dialing_rule_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunk.id"], name=op.f("fk_dialing_rule_trunk_id"), ondelete="CASCADE"),
    )
    op.create_index("ix_dialing_rule_order", "dialing_rule", ["organization_id", "position", "id"])


def downgrade() -> None:
    op.drop_table("dialing_rule")
    for table in ("test_call", "attempt"):
        op.drop_column(table, "dialled")
    op.drop_column("trunk", "country")


def text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")
