"""Attempts, media servers, leases and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    create_attempt()
    create_attempt_trace()
    create_attempt_result()
    create_media_server()
    create_lease()
    create_outbox()


def downgrade() -> None:
    for table in ("outbox", "lease", "media_server", "attempt_result", "attempt_trace", "attempt"):
        op.drop_table(table)


def create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("job_contact_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.Column("address_id", BIG, nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("completion_code", sa.String(length=64), nullable=False),
        sa.Column("disposition", sa.String(length=32), nullable=False),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("nuisance", sa.Boolean(), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("media_server", sa.String(length=255), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ringing_at", MOMENT, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.ForeignKeyConstraint(
            ["address_id"], ["address.id"], name=op.f("fk_attempt_address_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_attempt_contact_id")),
        sa.ForeignKeyConstraint(
            ["job_contact_id"], ["job_contact.id"], name=op.f("fk_attempt_job_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_attempt_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_attempt_organization_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("job_contact_id", "number", name=op.f("uq_attempt_job_contact_id_number")),
    )
    op.create_index("ix_attempt_contact", "attempt", ["contact_id", "started_at"])
    op.create_index(
        "ix_attempt_in_progress",
        "attempt",
        ["owner"],
        sqlite_where=sa.text("state = 'in_progress'"),
        postgresql_where=sa.text("state = 'in_progress'"),
    )
    op.create_index("ix_attempt_job", "attempt", ["job_id", "started_at"])
    op.create_index(
        "ix_attempt_provider",
        "attempt",
        ["provider_id"],
        sqlite_where=sa.text("provider_id <> ''"),
        postgresql_where=sa.text("provider_id <> ''"),
    )


def create_attempt_trace() -> None:
    op.create_table(
        "attempt_trace",
        sa.Column("attempt_id", sa.String(length=32), nullable=False),
        sa.Column("steps", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_attempt_trace_attempt_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempt_trace")),
    )


def create_attempt_result() -> None:
    op.create_table(
        "attempt_result",
        sa.Column("id", BIG, nullable=False),
        sa.Column("attempt_id", sa.String(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("values", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_attempt_result_attempt_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_result")),
    )
    op.create_index("ix_attempt_result_attempt", "attempt_result", ["attempt_id", "id"])


def create_media_server() -> None:
    op.create_table(
        "media_server",
        sa.Column("id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("url", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("active_calls", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_server")),
        sa.UniqueConstraint("name", name=op.f("uq_media_server_name")),
    )


def create_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("fence", BIG, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )


def create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_topic", "outbox", ["topic", "id"])
