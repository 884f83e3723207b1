"""Trunks in groups with priorities and weights, and the parts of their limits that engines lease."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("trunk", sa.Column("route", sa.String(64), nullable=False, server_default=""))
    op.add_column("trunk", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("trunk", sa.Column("weight", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "trunk_share",
        sa.Column("trunk_id", BIG, nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("server", sa.String(255), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("calls_per_second", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("trunk_id", "owner", "server", name=op.f("pk_trunk_share")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunk.id"], name=op.f("fk_trunk_share_trunk_id"), ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("trunk_share")
    for column in ("weight", "priority", "route"):
        op.drop_column("trunk", column)
