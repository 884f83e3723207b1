"""What a campaign does about who answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("answer", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("campaign", "answer")
