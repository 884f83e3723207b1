from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app import db
from app.core.completion import SYSTEM_CODES
from app.models import CatchUp, CompletionCode
from common.errors import ConfigError
from tests.support.job_rows import make_job

pytestmark = pytest.mark.integration

VERSIONS = Path(db.MIGRATIONS) / "versions"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("postgres_url"))


def test_goes_up_down_and_up_again_and_equals_the_models(empty_url: str) -> None:
    db.upgrade(empty_url)
    db.check(empty_url)
    db.downgrade(empty_url, "base")
    engine = db.make_engine(empty_url)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    db.upgrade(empty_url)
    db.check(empty_url)


def test_each_step_down_can_be_taken_back(empty_url: str) -> None:
    db.upgrade(empty_url)
    for revision in sorted((path.stem.partition("_")[0] for path in VERSIONS.glob("*.py")), reverse=True)[1:]:
        db.downgrade(empty_url, revision)
    db.upgrade(empty_url)
    db.check(empty_url)


def test_revisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.stem.partition("_")[0]) for path in VERSIONS.glob("*.py"))
    assert numbers == list(range(1, len(numbers) + 1))
    assert db.newest_revision() == f"{numbers[-1]:04d}"


def test_upgrading_again_changes_nothing_and_corrects_system_codes(database_url: str, engine: Engine) -> None:
    with db.write_transaction(engine) as session:
        code = session.scalars(select(CompletionCode).where(CompletionCode.name == "CALL_BUSY")).one()
        code.description = "changed by hand"
    db.upgrade(database_url)
    with db.read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(CompletionCode)) == len(SYSTEM_CODES)
        code = session.scalars(select(CompletionCode).where(CompletionCode.name == "CALL_BUSY")).one()
        assert code.description == SYSTEM_CODES["CALL_BUSY"].description


def test_a_migrated_database_is_current(engine: Engine) -> None:
    db.require_current(engine)


def test_a_migration_gives_up_instead_of_queueing_everybody_behind_it(
    migrated_postgres_url: str, postgres_engine: Engine
) -> None:
    with postgres_engine.connect() as holder:
        holder.execute(text("LOCK TABLE outbox IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            # The steps before the one that waits are taken: each is a transaction of its own.
            db.downgrade(migrated_postgres_url, "0003")
    db.upgrade(migrated_postgres_url)
    db.require_current(postgres_engine)


def test_two_attempts_in_progress_to_an_address_have_to_end_before_the_upgrade(
    database_url: str, engine: Engine
) -> None:
    make_job(engine, 2)
    db.downgrade(database_url, "0006")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO attempt (id, organization_id, job_id, job_contact_id, contact_id, number, channel, action,"
                " address, sender, state, completion_code, disposition, reason, nuisance, provider_id, owner,"
                " media_server, boot_id, started_at) SELECT 'a' || id, organization_id, job_id, id, contact_id, 1,"
                " 'voice', '', '+12025550100', '', 'in_progress', '', '', '', false, '', '', '', '', updated_at"
                " FROM job_contact"
            )
        )
    with pytest.raises(ConfigError, match="two attempts in progress to one address"):
        db.upgrade(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE attempt SET state = 'done' WHERE id = 'a1'"))
    db.upgrade(database_url)
    db.require_current(engine)


def test_numbers_that_came_before_their_kind_was_kept_wait_for_it(database_url: str, engine: Engine) -> None:
    waits = select(CatchUp.name, CatchUp.after)
    with db.read_transaction(engine) as session:
        assert session.execute(waits).all() == []
    make_job(engine, 1)
    db.downgrade(database_url, "0048")
    db.upgrade(database_url)
    with db.read_transaction(engine) as session:
        assert session.execute(waits).all() == [("number_types", 0)]


def test_names_without_organization_are_unique_too(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)unique"), db.write_transaction(engine) as session:
        session.add(CompletionCode(organization_id=None, name="CALL_BUSY"))


def test_two_writers_take_turns_on_both_databases(engine: Engine) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with db.write_transaction(engine) as session:
            session.execute(text("UPDATE completion_code SET description = 'first' WHERE name = 'CALL_BUSY'"))
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(5)
    threading.Timer(0.1, leave.set).start()
    with db.write_transaction(engine) as session:
        session.execute(text("UPDATE completion_code SET description = description || '!' WHERE name = 'CALL_BUSY'"))
        said = session.scalar(text("SELECT description FROM completion_code WHERE name = 'CALL_BUSY'"))
    thread.join()
    assert said == "first!"
