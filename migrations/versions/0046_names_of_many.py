"""Names of contacts that are marked as deleted by the thousand are not looked after one by one.

Whoever marks many leaves `updated_at` as it was, and sees to their names in the order of the index: of a million names
taken out as their contacts come, each wrote a page.
"""

from __future__ import annotations

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_CHANGED = "OLD.first_name <> NEW.first_name OR OLD.last_name <> NEW.last_name"
_MARKED = "(OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)"
_EVENT = "CREATE TRIGGER contact_renamed AFTER UPDATE OF first_name, last_name, deleted_at ON contact FOR EACH ROW"
_BODY = """DELETE FROM contact_name WHERE contact_id = OLD.id AND organization_id = OLD.organization_id
  AND term IN (lower(OLD.first_name), lower(OLD.last_name));
INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.first_name), NEW.id
  WHERE NEW.first_name <> '' AND NEW.deleted_at IS NULL ON CONFLICT DO NOTHING;
INSERT INTO contact_name SELECT NEW.organization_id, lower(NEW.last_name), NEW.id
  WHERE NEW.last_name <> '' AND NEW.deleted_at IS NULL ON CONFLICT DO NOTHING;"""


def upgrade() -> None:
    _follow(f"{_CHANGED} OR ({_MARKED} AND OLD.updated_at <> NEW.updated_at)")


def downgrade() -> None:
    _follow(f"{_CHANGED} OR {_MARKED}")


def _follow(changed: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER contact_renamed")
        op.execute(f"{_EVENT} WHEN {changed} BEGIN {_BODY} END")
    else:
        op.execute("DROP TRIGGER contact_renamed ON contact")
        op.execute(f"{_EVENT} WHEN ({changed}) EXECUTE FUNCTION contact_renamed()")
