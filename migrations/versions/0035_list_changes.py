"""Changes of many contacts of a list at once: deletions by filter, and what takes them back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(sa.dialects.postgresql.JSONB(), "postgresql")
_OPEN = sa.text("state IN ('queued', 'running')")
_THERE = sa.text("deleted_at IS NULL")


def _refers(column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_list_change_{column}"), ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "list_change",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("contact_list_id", BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked", JSON, nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.Column("through_id", BIG, nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("undoes_id", BIG, nullable=True),
        sa.Column("undo_until", MOMENT, nullable=True),
        sa.Column("purged_at", MOMENT, nullable=True),
        sa.Column("created_by", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_change")),
        sa.UniqueConstraint("contact_list_id", "created_at", name=op.f("uq_list_change_contact_list_id_created_at")),
        _refers("organization_id", "organization.id", "CASCADE"),
        _refers("contact_list_id", "contact_list.id", "CASCADE"),
        _refers("undoes_id", "list_change.id", "CASCADE"),
        _refers("created_by", "user.id", "SET NULL"),
    )
    op.create_index("ix_list_change_list", "list_change", ["contact_list_id", "id"])
    op.create_index("ix_list_change_open", "list_change", ["id"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    there = {"sqlite_where": _THERE, "postgresql_where": _THERE}
    op.create_index("ix_contact_there", "contact", ["contact_list_id", "id"], **there)
    op.drop_index("ix_contact_list_order", "contact")


def downgrade() -> None:
    op.create_index("ix_contact_list_order", "contact", ["contact_list_id", "id"])
    op.drop_index("ix_contact_there", "contact")
    op.drop_table("list_change")
