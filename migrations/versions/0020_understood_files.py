"""What an imported file was taken for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("import_run", sa.Column("understood", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("import_run", "understood")
