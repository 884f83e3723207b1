"""Files of consents, and which of them brought an entry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
COUNTS = ("rows_read", "rows_given", "rows_revoked", "rows_known", "rows_rejected")


def upgrade() -> None:
    op.create_table(
        "consent_file",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("first_rejects", JSON, nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("entered_by", BIG, nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_file")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_consent_file_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["entered_by"], ["user.id"], name=op.f("fk_consent_file_entered_by"), ondelete="SET NULL"
        ),
    )
    op.create_index("ix_consent_file_organization", "consent_file", ["organization_id", "id"])
    op.add_column("consent_event", sa.Column("file_id", BIG, nullable=True))


def downgrade() -> None:
    op.drop_column("consent_event", "file_id")
    op.drop_table("consent_file")
