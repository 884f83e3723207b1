"""Contacts whom a file that is the whole list took out are removed for good, as deleted ones are.

A removal keeps how far it has come. Those of earlier imports are due as well.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITS = sa.text("purged_at IS NULL AND removed_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("import_run", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    through = sa.Column("purged_through_id", BIG, server_default="0", nullable=False)
    op.add_column("import_run", through)
    op.create_index("ix_import_run_purge", "import_run", ["removed_at"], sqlite_where=_WAITS, postgresql_where=_WAITS)


def downgrade() -> None:
    op.drop_index("ix_import_run_purge", table_name="import_run")
    op.drop_column("import_run", "purged_through_id")
    op.drop_column("import_run", "purged_at")
