"""Data sources of contact lists, and which import came from which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "data_source",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("contact_list_id", BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("place", JSON, nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("choices", JSON, nullable=False),
        sa.Column("mapping", JSON, nullable=False),
        sa.Column("schedule", JSON, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("next_run_at", MOMENT, nullable=True),
        sa.Column("run_requested", sa.Boolean(), nullable=False),
        sa.Column("last_run_at", MOMENT, nullable=True),
        sa.Column("last_words", sa.Text(), nullable=False),
        sa.Column("last_failed", sa.Boolean(), nullable=False),
        sa.Column("lease_owner", sa.String(64), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_source")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_data_source_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["contact_list_id"], ["contact_list.id"], name=op.f("fk_data_source_contact_list_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("contact_list_id", "name", name=op.f("uq_data_source_contact_list_id_name")),
    )
    op.create_index("ix_data_source_due", "data_source", ["next_run_at"])
    op.add_column("import_run", sa.Column("data_source_id", BIG, nullable=True))
    op.add_column("import_run", sa.Column("origin", sa.String(255), nullable=False, server_default=""))
    op.create_index("ix_import_run_origin", "import_run", ["data_source_id", "origin"])


def downgrade() -> None:
    op.drop_index("ix_import_run_origin", "import_run")
    op.drop_column("import_run", "origin")
    op.drop_column("import_run", "data_source_id")
    op.drop_table("data_source")
