"""Files of consents and do-not-call entries are taken in the background: how, how far, and whether they shall stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    for table in ("consent_file", "dnc_file"):
        op.add_column(table, sa.Column("asked", _JSON, server_default="{}", nullable=False))
        op.add_column(table, sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False))
        op.add_column(table, sa.Column("rows_total", sa.Integer(), server_default="0", nullable=False))
    op.add_column("consent_file", sa.Column("dry", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("consent_file", "dry")
    for table in ("dnc_file", "consent_file"):
        for name in ("rows_total", "cancel_requested", "asked"):
            op.drop_column(table, name)
