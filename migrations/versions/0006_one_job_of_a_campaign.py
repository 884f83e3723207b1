"""A campaign has one job at a time, whoever starts them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from common.errors import ConfigError

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_GOING = "state not in ('stopped', 'completed')"


def upgrade() -> None:
    job = sa.table("job", sa.column("campaign_id"))
    twice = op.get_bind().scalars(
        sa.select(job.c.campaign_id).where(sa.text(_GOING)).group_by(job.c.campaign_id).having(sa.func.count() > 1)
    )
    if campaigns := sorted(twice):
        names = ", ".join(map(str, campaigns))
        raise ConfigError(f"job: campaign {names} has two jobs going; stop all but one of each, then upgrade again")
    op.create_index(
        "uq_job_going",
        "job",
        ["campaign_id"],
        unique=True,
        sqlite_where=sa.text(_GOING),
        postgresql_where=sa.text(_GOING),
    )


def downgrade() -> None:
    op.drop_index("uq_job_going", "job")
