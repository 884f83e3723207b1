"""The consent ledger, and campaigns that need a consent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("campaign", sa.Column("consent_purpose", sa.String(64), nullable=False, server_default=""))
    create_evidence()
    create_event()


def downgrade() -> None:
    op.drop_table("consent_event")
    op.drop_table("consent_evidence")
    op.drop_column("campaign", "consent_purpose")


def reference(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=on_delete)


def create_evidence() -> None:
    op.create_table(
        "consent_evidence",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_evidence")),
        reference("consent_evidence", "organization_id", "organization", "CASCADE"),
    )


def create_event() -> None:
    op.create_table(
        "consent_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(254), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("act", sa.String(8), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("text_shown", sa.Text(), nullable=False),
        sa.Column("evidence_id", BIG, nullable=True),
        sa.Column("entered_by", BIG, nullable=True),
        sa.Column("entered_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
        reference("consent_event", "organization_id", "organization", "CASCADE"),
        reference("consent_event", "evidence_id", "consent_evidence", "SET NULL"),
        reference("consent_event", "entered_by", "user", "SET NULL"),
    )
    op.create_index("ix_consent_event_person", "consent_event", ["organization_id", "kind", "value"])
