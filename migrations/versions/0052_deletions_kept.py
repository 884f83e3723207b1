"""What an Undo button puts back is kept here for its ten minutes: in the page there was no room for large rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "kept_deletion",
        sa.Column("id", BIG, nullable=False),
        sa.Column("word", sa.String(64), nullable=False),
        sa.Column("organization_id", BIG, nullable=True),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_deletion")),
        sa.UniqueConstraint("word", name=op.f("uq_kept_deletion_word")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_kept_deletion_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_kept_deletion_user_id"), ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("kept_deletion")
