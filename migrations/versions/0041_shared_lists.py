"""Contact lists shared with other organizations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ALL = sa.text("organization_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "contact_list_share",
        sa.Column("id", BIG, nullable=False),
        sa.Column("contact_list_id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=True),
        sa.Column("may_edit", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_list_share")),
        sa.UniqueConstraint(
            "organization_id", "contact_list_id", name=op.f("uq_contact_list_share_organization_id_contact_list_id")
        ),
        *(
            sa.ForeignKeyConstraint(
                [f"{table}_id"], [f"{table}.id"], name=op.f(f"fk_contact_list_share_{table}_id"), ondelete="CASCADE"
            )
            for table in ("contact_list", "organization")
        ),
    )
    op.create_index(
        "uq_contact_list_share_all",
        "contact_list_share",
        ["contact_list_id"],
        unique=True,
        sqlite_where=_ALL,
        postgresql_where=_ALL,
    )


def downgrade() -> None:
    op.drop_table("contact_list_share")
