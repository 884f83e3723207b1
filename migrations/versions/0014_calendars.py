"""Where numbers lie and when people there are left in peace: the area-code map, guard times, holidays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("contact_list", sa.Column("time_zone", sa.String(64), nullable=False, server_default=""))
    op.add_column("calling_window", sa.Column("public_holidays", sa.String(8), nullable=False, server_default=""))
    create_zone_rule()
    create_guard_time()
    create_holiday()


def downgrade() -> None:
    for table in ("holiday", "guard_time", "zone_rule"):
        op.drop_table(table)
    op.drop_column("calling_window", "public_holidays")
    op.drop_column("contact_list", "time_zone")


def owned(table: str) -> list[sa.SchemaItem]:
    return [
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id"), ondelete="CASCADE"
        ),
    ]


def create_zone_rule() -> None:
    op.create_table(
        "zone_rule",
        *owned("zone_rule"),
        sa.Column("prefix", sa.String(24), nullable=False),
        sa.Column("first", sa.String(12), nullable=False),
        sa.Column("last", sa.String(12), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("line", sa.String(8), nullable=False),
        sa.Column("zones", sa.String(1000), nullable=False),
        sa.Column("note", sa.String(255), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            "organization_id", "prefix", "first", name=op.f("uq_zone_rule_organization_id_prefix_first")
        ),
    )


def create_guard_time() -> None:
    op.create_table(
        "guard_time",
        *owned("guard_time"),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("hours", JSON, nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("organization_id", "scope", "key", name=op.f("uq_guard_time_organization_id_scope_key")),
    )


def create_holiday() -> None:
    op.create_table(
        "holiday",
        *owned("holiday"),
        sa.Column("campaign_id", BIG, nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("effect", sa.String(8), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_holiday_campaign_id"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_holiday_organization_id_day", "holiday", ["organization_id", "day"])
