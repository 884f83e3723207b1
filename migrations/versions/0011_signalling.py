"""How a trunk signals beyond its address, and who a campaign says is calling."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("trunk", sa.Column("signalling", JSON, nullable=False, server_default="{}"))
    op.add_column("campaign", sa.Column("identity", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("campaign", "identity")
    op.drop_column("trunk", "signalling")
