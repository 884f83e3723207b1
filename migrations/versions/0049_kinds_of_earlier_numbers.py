"""Addresses that came before the kind of a number was kept (0043) get theirs, in the background.

A look at each number would hold the upgrade up for minutes; how far it is stands in a row that goes when all are done.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "catch_up",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("after", BIG, nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_catch_up"),
    )
    op.execute("INSERT INTO catch_up (name, after) SELECT 'number_types', 0 WHERE EXISTS (SELECT 1 FROM address)")


def downgrade() -> None:
    op.drop_table("catch_up")
