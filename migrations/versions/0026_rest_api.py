"""Tokens of the REST API, and the answers of requests that may be repeated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("beginning", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=False),
        sa.Column("counted_minute", BIG, nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_api_token_organization_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_api_token_created_by"), ondelete="SET NULL"),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
    )
    op.create_table(
        "api_request",
        sa.Column("id", BIG, nullable=False),
        sa.Column("api_token_id", BIG, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_request")),
        sa.ForeignKeyConstraint(
            ["api_token_id"], ["api_token.id"], name=op.f("fk_api_request_api_token_id"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("api_token_id", "key", name=op.f("uq_api_request_api_token_id_key")),
    )
    op.create_index("ix_api_request_age", "api_request", ["created_at"])


def downgrade() -> None:
    op.drop_table("api_request")
    op.drop_table("api_token")
