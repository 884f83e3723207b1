"""On SQLite addresses are found by organization, block of 131,072 contacts and value: values come in no order, so each
transaction of an import wrote most pages of one index of all of them again, and the more there were the longer it took.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_address_block", "address", ["organization_id", text("contact_id >> 17"), "value"])
        op.drop_index("ix_address_value", "address")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_address_value", "address", ["organization_id", "value"])
        op.drop_index("ix_address_block", "address")
