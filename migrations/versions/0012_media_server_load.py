"""How each media server bears its load, as engines saw it last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("media_server", sa.Column("load", json, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("media_server", "load")
