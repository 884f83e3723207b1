"""Filter templates, chosen by campaigns; audiences are frozen in their order, so job contacts have other indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "filter_template",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_filter_template_organization_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filter_template")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_filter_template_organization_id_name")),
    )
    with op.batch_alter_table("campaign") as batch:
        batch.add_column(sa.Column("filter_id", BIG, nullable=True))
        batch.create_foreign_key(op.f("fk_campaign_filter_id"), "filter_template", ["filter_id"], ["id"])
    with op.batch_alter_table("job_contact") as batch:
        batch.drop_constraint(op.f("fk_job_contact_contact_id"), type_="foreignkey")
        batch.drop_constraint(op.f("fk_job_contact_organization_id"), type_="foreignkey")
        batch.drop_index("ix_job_contact_contact")
        batch.drop_constraint(op.f("uq_job_contact_job_id_contact_id"), type_="unique")
        batch.create_unique_constraint(op.f("uq_job_contact_contact_id_job_id"), ["contact_id", "job_id"])
        batch.create_index("ix_job_contact_job", ["job_id"])
    with op.batch_alter_table("job") as batch:
        batch.drop_column("frozen_through")


def downgrade() -> None:
    with op.batch_alter_table("job") as batch:
        batch.add_column(sa.Column("frozen_through", BIG, nullable=False, server_default="0"))
    with op.batch_alter_table("job_contact") as batch:
        batch.drop_index("ix_job_contact_job")
        batch.drop_constraint(op.f("uq_job_contact_contact_id_job_id"), type_="unique")
        batch.create_unique_constraint(op.f("uq_job_contact_job_id_contact_id"), ["job_id", "contact_id"])
        batch.create_index("ix_job_contact_contact", ["contact_id"])
        batch.create_foreign_key(
            op.f("fk_job_contact_organization_id"), "organization", ["organization_id"], ["id"], ondelete="CASCADE"
        )
        batch.create_foreign_key(op.f("fk_job_contact_contact_id"), "contact", ["contact_id"], ["id"])
    with op.batch_alter_table("campaign") as batch:
        batch.drop_constraint(op.f("fk_campaign_filter_id"), type_="foreignkey")
        batch.drop_column("filter_id")
    op.drop_table("filter_template")
