"""What kind of number an address is, and how many of each an import took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("address", sa.Column("number_type", sa.String(16), nullable=False, server_default=""))
    op.add_column("import_run", sa.Column("numbers", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("import_run", "numbers")
    op.drop_column("address", "number_type")
