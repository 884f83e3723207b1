"""PostgreSQL looks after the job of its contacts by the statement, as revision 0036 does for the list of contacts.

The foreign key asked for the job once for each contact and locked it each time: half of what an audience's rows cost.
"""

from __future__ import annotations

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_KEY = "fk_job_contact_job_id"
_TRIGGERS = """
CREATE FUNCTION job_contact_has_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint;
BEGIN
    FOR wanted IN SELECT DISTINCT job_id FROM fresh LOOP
        PERFORM FROM job WHERE job.id = wanted FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING MESSAGE = 'job_contact: there is no such job', TABLE = 'job_contact',
                CONSTRAINT = 'job_contact_has_job';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER job_contact_has_job AFTER INSERT ON job_contact REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION job_contact_has_job();
CREATE FUNCTION job_contacts_go_with_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM job_contact USING gone WHERE job_contact.job_id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER job_contacts_go_with_job AFTER DELETE ON job REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION job_contacts_go_with_job();
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(_KEY, "job_contact", type_="foreignkey")
        op.execute(_TRIGGERS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER job_contacts_go_with_job ON job; DROP FUNCTION job_contacts_go_with_job()")
        op.execute("DROP TRIGGER job_contact_has_job ON job_contact; DROP FUNCTION job_contact_has_job()")
        op.create_foreign_key(_KEY, "job_contact", "job", ["job_id"], ["id"], ondelete="CASCADE")
