"""Do not call by customer, until a day, and by lists in groups that campaigns choose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("contact", sa.Column("customer_id", sa.String(120), nullable=False, server_default=""))
    op.create_index(
        "ix_contact_customer",
        "contact",
        ["organization_id", "customer_id"],
        sqlite_where=sa.text("customer_id != ''"),
        postgresql_where=sa.text("customer_id != ''"),
    )
    op.add_column("dnc_list", sa.Column("by_group", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("dnc_entry", sa.Column("until_day", sa.Date(), nullable=True))
    op.create_table(
        "dnc_group",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dnc_group")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_dnc_group_organization_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_dnc_group_organization_id_name")),
    )
    create_pairs("dnc_group_list", "dnc_group", "dnc_list")
    create_pairs("campaign_dnc_group", "campaign", "dnc_group")


def downgrade() -> None:
    for table in ("campaign_dnc_group", "dnc_group_list", "dnc_group"):
        op.drop_table(table)
    op.drop_column("dnc_entry", "until_day")
    op.drop_column("dnc_list", "by_group")
    op.drop_index("ix_contact_customer", "contact")
    op.drop_column("contact", "customer_id")


def create_pairs(table: str, one: str, other: str) -> None:
    op.create_table(
        table,
        sa.Column(f"{one}_id", BIG, nullable=False),
        sa.Column(f"{other}_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint(f"{one}_id", f"{other}_id", name=op.f(f"pk_{table}")),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}.id"], name=op.f(f"fk_{table}_{name}_id"), ondelete="CASCADE"
            )
            for name in (one, other)
        ),
    )
