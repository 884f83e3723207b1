"""What an attempt remembers of its message's text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("digest", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("attempt", "digest")
