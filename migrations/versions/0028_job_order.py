"""The order in which a sorted job takes its contacts, names of contacts to search by, and an index of deleted ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


_LEAVE = """DELETE FROM contact_name WHERE contact_id = OLD.id AND organization_id = OLD.organization_id
  AND term IN (lower(OLD.first_name), lower(OLD.last_name));"""
_COME = """INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.first_name), NEW.id
  WHERE NEW.first_name <> '' ON CONFLICT DO NOTHING;
INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.last_name), NEW.id
  WHERE NEW.last_name <> '' ON CONFLICT DO NOTHING;"""
_CHANGED = "OLD.first_name <> NEW.first_name OR OLD.last_name <> NEW.last_name"
FOLLOW = {
    "sqlite": (
        "CREATE TRIGGER contact_renamed AFTER UPDATE OF first_name, last_name ON contact FOR EACH ROW"
        f" WHEN {_CHANGED} BEGIN {_LEAVE} {_COME} END",
        f"CREATE TRIGGER contact_gone AFTER DELETE ON contact FOR EACH ROW BEGIN {_LEAVE} END",
    ),
    "postgresql": (
        "CREATE FUNCTION contact_renamed() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {_LEAVE} {_COME} RETURN NULL; END $$",
        f"CREATE FUNCTION contact_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_LEAVE} RETURN NULL; END $$",
        "CREATE TRIGGER contact_renamed AFTER UPDATE OF first_name, last_name ON contact FOR EACH ROW"
        f" WHEN ({_CHANGED}) EXECUTE FUNCTION contact_renamed()",
        "CREATE TRIGGER contact_gone AFTER DELETE ON contact FOR EACH ROW EXECUTE FUNCTION contact_gone()",
    ),
}
FORGET = {
    "sqlite": ("DROP TRIGGER contact_renamed", "DROP TRIGGER contact_gone"),
    "postgresql": (
        "DROP TRIGGER contact_renamed ON contact",
        "DROP TRIGGER contact_gone ON contact",
        "DROP FUNCTION contact_renamed",
        "DROP FUNCTION contact_gone",
    ),
}


def upgrade() -> None:
    op.create_table(
        "job_order",
        sa.Column("job_id", BIG, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("contact_ids", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "part", name=op.f("pk_job_order")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_order_job_id"), ondelete="CASCADE"),
    )
    op.create_table(
        "contact_name",
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("term", sa.String(120), nullable=False),
        sa.Column("contact_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "term", "contact_id", name=op.f("pk_contact_name")),
        sqlite_with_rowid=False,
    )
    for statement in FOLLOW[op.get_bind().dialect.name]:
        op.execute(statement)
    contact = sa.table("contact", *map(sa.column, ("id", "organization_id", "first_name", "last_name")))
    target = sa.table("contact_name", *map(sa.column, ("organization_id", "term", "contact_id")))
    names = [
        sa.select(contact.c.organization_id, sa.func.lower(name), contact.c.id).where(name != "")
        for name in (contact.c.first_name, contact.c.last_name)
    ]
    # UNION leaves one of two that are the same.
    op.execute(sa.insert(target).from_select(["organization_id", "term", "contact_id"], sa.union(*names)))
    marked = sa.text("deleted_at IS NOT NULL")
    op.create_index("ix_contact_deleted", "contact", ["contact_list_id"], sqlite_where=marked, postgresql_where=marked)


def downgrade() -> None:
    op.drop_index("ix_contact_deleted", "contact")
    for statement in FORGET[op.get_bind().dialect.name]:
        op.execute(statement)
    op.drop_table("contact_name")
    op.drop_table("job_order")
