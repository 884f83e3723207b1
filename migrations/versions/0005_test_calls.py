"""Test calls of scripts; completion codes that put the person on the do-not-call list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    # With a default on the server, so that a process of the version before may still add codes.
    op.add_column("completion_code", sa.Column("do_not_call", sa.Boolean(), nullable=False, server_default=sa.false()))
    create_test_call()


def downgrade() -> None:
    op.drop_table("test_call")
    with op.batch_alter_table("completion_code") as batch:
        batch.drop_column("do_not_call")


def create_test_call() -> None:
    op.create_table(
        "test_call",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("script_revision_id", BIG, nullable=False),
        sa.Column("trunk_id", BIG, nullable=False),
        sa.Column("calling_window_id", BIG, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("values", JSON, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("completion_code", sa.String(length=64), nullable=False),
        sa.Column("disposition", sa.String(length=32), nullable=False),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("media_server", sa.String(length=255), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ringing_at", MOMENT, nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("result", JSON, nullable=True),
        sa.Column("trace", JSON, nullable=True),
        sa.Column("posted", JSON, nullable=True),
        *_foreign_keys(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_call")),
    )
    op.create_index("ix_test_call_revision", "test_call", ["script_revision_id", "created_at"])
    op.create_index(
        "ix_test_call_unfinished",
        "test_call",
        ["created_at"],
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )


def _foreign_keys() -> list[sa.ForeignKeyConstraint]:
    owned = {
        "organization_id": "organization.id",
        "script_revision_id": "script_revision.id",
        "trunk_id": "trunk.id",
        "calling_window_id": "calling_window.id",
    }
    keys = [
        sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_test_call_{column}"), ondelete="CASCADE")
        for column, target in owned.items()
    ]
    created_by = op.f("fk_test_call_created_by")
    return [*keys, sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=created_by, ondelete="SET NULL")]
