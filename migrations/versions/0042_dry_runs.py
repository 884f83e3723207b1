"""Runs that only find out what would happen, and what they found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("import_run", sa.Column("dry", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("import_run", sa.Column("trial", JSON, nullable=False, server_default="{}"))
    op.add_column("data_source", sa.Column("dry_requested", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("data_source", "dry_requested")
    op.drop_column("import_run", "trial")
    op.drop_column("import_run", "dry")
