"""One attempt in progress to an address; attempts of unknown outcome by address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.errors import ConfigError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UNDER_WAY = "state = 'in_progress'"
_UNKNOWN = "completion_code = 'OUTCOME_UNKNOWN'"


def upgrade() -> None:
    attempt = sa.table("attempt", sa.column("organization_id"), sa.column("address"))
    whom = (attempt.c.organization_id, attempt.c.address)
    twice = sa.select(*whom).where(sa.text(_UNDER_WAY)).group_by(*whom).having(sa.func.count() > 1)
    if count := len(op.get_bind().execute(twice).all()):
        raise ConfigError(
            f"attempt: two attempts in progress to one address ({count} of them); pause all jobs, let the engine of "
            "the former version end its attempts, stop it, then upgrade again"
        )
    op.create_index(
        "uq_attempt_address_in_progress",
        "attempt",
        ["organization_id", "address"],
        unique=True,
        sqlite_where=sa.text(_UNDER_WAY),
        postgresql_where=sa.text(_UNDER_WAY),
    )
    op.create_index(
        "ix_attempt_unknown",
        "attempt",
        ["organization_id", "address", "ended_at"],
        sqlite_where=sa.text(_UNKNOWN),
        postgresql_where=sa.text(_UNKNOWN),
    )


def downgrade() -> None:
    op.drop_index("ix_attempt_unknown", "attempt")
    op.drop_index("uq_attempt_address_in_progress", "attempt")
