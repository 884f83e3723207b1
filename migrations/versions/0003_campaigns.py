"""Scripts, strategies, trunks, campaigns and jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    create_script()
    create_script_revision()
    create_script_file()
    create_strategy()
    create_strategy_revision()
    create_trunk()
    create_campaign()
    create_job()
    create_job_contact()


def downgrade() -> None:
    for table in (
        "job_contact",
        "job",
        "campaign",
        "trunk",
        "strategy_revision",
        "strategy",
        "script_file",
        "script_revision",
        "script",
    ):
        op.drop_table(table)


def create_script() -> None:
    op.create_table(
        "script",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_script_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_script_organization_id_name")),
    )


def create_script_revision() -> None:
    op.create_table(
        "script_revision",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("script_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.String(length=255), nullable=False),
        sa.Column("problems", JSON, nullable=False),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user.id"], name=op.f("fk_script_revision_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_script_revision_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["script_id"], ["script.id"], name=op.f("fk_script_revision_script_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_revision")),
        sa.UniqueConstraint("script_id", "number", name=op.f("uq_script_revision_script_id_number")),
    )
    op.create_index("ix_script_revision_digest", "script_revision", ["digest"])


def create_script_file() -> None:
    op.create_table(
        "script_file",
        sa.Column("id", BIG, nullable=False),
        sa.Column("script_revision_id", BIG, nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["script_revision_id"],
            ["script_revision.id"],
            name=op.f("fk_script_file_script_revision_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_script_file")),
        sa.UniqueConstraint("script_revision_id", "path", name=op.f("uq_script_file_script_revision_id_path")),
    )


def create_strategy() -> None:
    op.create_table(
        "strategy",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_strategy_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategy")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_strategy_organization_id_name")),
    )


def create_strategy_revision() -> None:
    op.create_table(
        "strategy_revision",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("strategy_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("xml", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_strategy_revision_organization_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategy.id"], name=op.f("fk_strategy_revision_strategy_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_strategy_revision")),
        sa.UniqueConstraint("strategy_id", "number", name=op.f("uq_strategy_revision_strategy_id_number")),
    )


def create_trunk() -> None:
    op.create_table(
        "trunk",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("transport", sa.String(length=8), nullable=False),
        sa.Column("line", sa.String(length=16), nullable=False),
        sa.Column("username", sa.String(length=120), nullable=False),
        sa.Column("password_encrypted", sa.String(length=512), nullable=False),
        sa.Column("max_channels", sa.Integer(), nullable=False),
        sa.Column("calls_per_second", sa.Integer(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("paused_until", MOMENT, nullable=True),
        sa.Column("paused_reason", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_trunk_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunk")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_trunk_organization_id_name")),
    )
    op.create_index(
        "uq_trunk_common_name",
        "trunk",
        ["name"],
        unique=True,
        sqlite_where=sa.text("organization_id IS NULL"),
        postgresql_where=sa.text("organization_id IS NULL"),
    )


def create_campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("contact_list_id", BIG, nullable=False),
        sa.Column("script_id", BIG, nullable=True),
        sa.Column("strategy_id", BIG, nullable=False),
        sa.Column("calling_window_id", BIG, nullable=False),
        sa.Column("trunk_id", BIG, nullable=False),
        sa.Column("caller_id", sa.String(length=32), nullable=False),
        sa.Column("display_name", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("pacing", JSON, nullable=False),
        sa.Column("senders", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["calling_window_id"], ["calling_window.id"], name=op.f("fk_campaign_calling_window_id")
        ),
        sa.ForeignKeyConstraint(["contact_list_id"], ["contact_list.id"], name=op.f("fk_campaign_contact_list_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_campaign_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["script_id"], ["script.id"], name=op.f("fk_campaign_script_id")),
        sa.ForeignKeyConstraint(["strategy_id"], ["strategy.id"], name=op.f("fk_campaign_strategy_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunk.id"], name=op.f("fk_campaign_trunk_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_campaign_organization_id_name")),
    )


def create_job() -> None:
    op.create_table(
        "job",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("campaign_id", BIG, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("script_revision_id", BIG, nullable=True),
        sa.Column("strategy_revision_id", BIG, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("frozen_through", BIG, nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_job_campaign_id")),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_job_created_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_job_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["script_revision_id"], ["script_revision.id"], name=op.f("fk_job_script_revision_id")),
        sa.ForeignKeyConstraint(
            ["strategy_revision_id"], ["strategy_revision.id"], name=op.f("fk_job_strategy_revision_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(
        "ix_job_active",
        "job",
        ["state"],
        sqlite_where=sa.text("state not in ('stopped', 'completed')"),
        postgresql_where=sa.text("state not in ('stopped', 'completed')"),
    )
    op.create_index("ix_job_organization", "job", ["organization_id", "id"])


def create_job_contact() -> None:
    op.create_table(
        "job_contact",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("strategy_state", JSON, nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("last_code", sa.String(length=64), nullable=False),
        sa.Column("final_code", sa.String(length=64), nullable=False),
        sa.Column("hold_code", sa.String(length=64), nullable=False),
        sa.Column("hold_detail", sa.String(length=255), nullable=False),
        sa.Column("hold_until", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_job_contact_contact_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_contact_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_job_contact_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_contact")),
        sa.UniqueConstraint("job_id", "contact_id", name=op.f("uq_job_contact_job_id_contact_id")),
    )
    op.create_index("ix_job_contact_contact", "job_contact", ["contact_id"])
    op.create_index(
        "ix_job_contact_due",
        "job_contact",
        ["job_id", "due_at", "id"],
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "ix_job_contact_lease",
        "job_contact",
        ["lease_until"],
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
