"""PostgreSQL looks after the keys of contacts and addresses by the statement, not by the row.

A foreign key is checked by a query for each row; for the four of a contact and its addresses that was more than half of
the server's work in an import. The organization of both is the list's, whose own key stays. That an address has a
contact is checked once for all rows of a statement, and its contact takes it along when it is deleted. SQLite, whose
checks cost next to nothing, keeps its foreign keys.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: Table, key, column, and the table that is referred to.
_KEYS = (
    ("contact", "fk_contact_organization_id", "organization_id", "organization"),
    ("address", "fk_address_organization_id", "organization_id", "organization"),
    ("address", "fk_address_contact_id", "contact_id", "contact"),
)
_TRIGGERS = """
CREATE FUNCTION address_has_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM fresh WHERE NOT EXISTS (SELECT FROM contact WHERE contact.id = fresh.contact_id)
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'address: there is no such contact', TABLE = 'address',
            CONSTRAINT = 'address_has_contact';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER address_has_contact AFTER INSERT ON address REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION address_has_contact();
CREATE FUNCTION addresses_go_with_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM address USING gone WHERE address.contact_id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER addresses_go_with_contact AFTER DELETE ON contact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION addresses_go_with_contact();
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, name, _, _ in _KEYS:
            op.drop_constraint(name, table, type_="foreignkey")
        op.execute(_TRIGGERS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER addresses_go_with_contact ON contact; DROP FUNCTION addresses_go_with_contact()")
        op.execute("DROP TRIGGER address_has_contact ON address; DROP FUNCTION address_has_contact()")
        for table, name, column, other in _KEYS:
            op.create_foreign_key(name, table, other, [column], ["id"], ondelete="CASCADE")
