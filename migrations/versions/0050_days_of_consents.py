"""Consents by a day are of the person's own calendar, where they were of UTC's.

The days of what was entered before are read from the moments that stood for them. A consent entered by its day alone
began at midnight in UTC, as some do that were entered by the hour; it stays so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_SQLITE = (
    "UPDATE consent_event SET said_on = substr(at, 1, 10) WHERE act = 'revoked' AND substr(at, 12) = '23:59:59.999999'",
    "UPDATE consent_event SET last_day = substr(expires_at, 1, 10) WHERE substr(expires_at, 12) = '23:59:59.999999'",
)
_POSTGRESQL = (
    "UPDATE consent_event SET said_on = (at AT TIME ZONE 'UTC')::date "
    "WHERE act = 'revoked' AND (at AT TIME ZONE 'UTC')::time = '23:59:59.999999'",
    "UPDATE consent_event SET last_day = (expires_at AT TIME ZONE 'UTC')::date "
    "WHERE (expires_at AT TIME ZONE 'UTC')::time = '23:59:59.999999'",
)


def upgrade() -> None:
    for name in ("said_on", "last_day"):
        op.add_column("consent_event", sa.Column(name, sa.Date(), nullable=True))
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_column("consent_event", "last_day")
    op.drop_column("consent_event", "said_on")
