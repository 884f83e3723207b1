"""What an import does with rows of known contacts, and how many it left out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import_run", sa.Column("on_duplicate", sa.String(8), nullable=False, server_default="update"))
    op.add_column("import_run", sa.Column("rows_skipped", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("import_run", "rows_skipped")
    op.drop_column("import_run", "on_duplicate")
