"""What the unit tests of a script's revision said last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("script_revision", sa.Column("test_run", JSON, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("script_revision") as batch:
        batch.drop_column("test_run")
