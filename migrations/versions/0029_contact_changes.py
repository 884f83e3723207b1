"""The history of what people changed in a contact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "contact_change",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", BIG, nullable=True),
        sa.Column("field", sa.String(120), nullable=False),
        sa.Column("old", sa.String(1000), nullable=False),
        sa.Column("new", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_change")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_contact_change_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_contact_change_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_contact_change_user_id"), ondelete="SET NULL"),
    )
    op.create_index("ix_contact_change_contact", "contact_change", ["contact_id", "id"])


def downgrade() -> None:
    op.drop_table("contact_change")
