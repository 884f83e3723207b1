"""Contacts who are excluded from calling, and files that exclude them or reset it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ALL = sa.text("campaign_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "contact_exclusion",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.Column("campaign_id", BIG, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_exclusion")),
        *(
            sa.ForeignKeyConstraint(
                [f"{table}_id"], [f"{table}.id"], name=op.f(f"fk_contact_exclusion_{table}_id"), ondelete="CASCADE"
            )
            for table in ("organization", "contact", "campaign")
        ),
    )
    op.create_index("ix_contact_exclusion_organization", "contact_exclusion", ["organization_id"])
    op.create_index(
        "uq_contact_exclusion_all",
        "contact_exclusion",
        ["contact_id"],
        unique=True,
        sqlite_where=_ALL,
        postgresql_where=_ALL,
    )
    op.create_index("uq_contact_exclusion_campaign", "contact_exclusion", ["contact_id", "campaign_id"], unique=True)
    for table in ("import_run", "data_source"):
        op.add_column(table, sa.Column("campaign_id", BIG, nullable=True))


def downgrade() -> None:
    for table in ("import_run", "data_source"):
        op.drop_column(table, "campaign_id")
    op.drop_table("contact_exclusion")
