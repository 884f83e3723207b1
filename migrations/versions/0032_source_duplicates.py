"""What a data source's rows of known contacts do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("on_duplicate", sa.String(8), nullable=False, server_default="update")
    op.add_column("data_source", column)


def downgrade() -> None:
    op.drop_column("data_source", "on_duplicate")
