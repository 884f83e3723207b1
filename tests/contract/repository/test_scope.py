"""No service lets an actor of one organization reach another's rows, and none lets in who lacks the permission.

tests.support.service_calls has a line for every service function that takes an actor; a test keeps it complete.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

import app.services
from app import db
from app.models import Base
from app.security import pseudonyms
from app.security.access import Actor, Forbidden, Permission
from app.services import (
    lists,
)
from common.errors import ClarionError
from tests.support.organizations import World, add_common, build, rows_with
from tests.support.service_calls import CASES, ELSEWHERE, OPEN, Call

MINE, THEIRS = "minemarker", "theirsmarker"


def service_functions() -> Iterator[str]:
    for module_info in pkgutil.iter_modules(app.services.__path__):
        module = importlib.import_module(f"app.services.{module_info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            ours = function.__module__.startswith(module.__name__)
            if ours and not name.startswith("_") and "actor" in inspect.signature(function).parameters:
                yield f"{module_info.name}.{name}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("scope") / "clarion.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        server, name = request.getfixturevalue("postgres_server"), f"scope_{uuid.uuid4().hex}"
        admin = create_engine(server.url(), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            template = request.getfixturevalue("postgres_template")
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        admin.dispose()
        url = server.url(name)
    opened = pseudonyms.attach(db.make_engine(url), "tests only secret key")
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def worlds(engine: Engine) -> tuple[World, World]:
    with db.write_transaction(engine) as session:
        add_common(session)
        return build(session, MINE), build(session, THEIRS)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    path.write_text("id,phone1\nnew,2025550100\n")
    return path


def call(engine: Engine, case: str, actor: Actor, it: World, csv: Path) -> tuple[Any, ClarionError | None]:
    """The answer as plain text, or the refusal; whatever the case wrote in its session is rolled back by a refusal."""
    with db.session_factory(engine, write=True)() as session:
        try:
            answer = plain(CASES[case](Call(engine, session, actor, it, csv)))
        except ClarionError as error:
            return None, error
        session.commit()
        return answer, None


def plain(answer: Any) -> Any:
    if isinstance(answer, Base):
        return {name: value for name, value in vars(answer).items() if not name.startswith("_")}
    if is_dataclass(answer) and not isinstance(answer, type):
        return {name: plain(getattr(answer, name)) for name in answer.__dataclass_fields__}
    if isinstance(answer, Mapping):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple):
        return [plain(item) for item in answer]
    return answer


def test_every_service_function_has_its_case() -> None:
    assert set(service_functions()) == set(CASES) | set(ELSEWHERE)


@pytest.mark.parametrize("case", CASES)
def test_another_organizations_rows_are_neither_read_nor_changed(
    engine: Engine, worlds: tuple[World, World], case: str, csv: Path
) -> None:
    mine, theirs = worlds
    before = rows_with(engine, THEIRS)
    actor = Actor(mine.user, "anna", mine.organization_id, frozenset(Permission))
    answer, refusal = call(engine, case, actor, theirs, csv)
    assert rows_with(engine, THEIRS) == before
    if refusal is None:
        assert THEIRS not in repr(answer)
        assert f"'organization_id': {theirs.organization_id}," not in repr(answer)


@pytest.mark.parametrize("case", sorted(set(CASES) - OPEN))
def test_whoever_lacks_the_permission_is_refused(
    engine: Engine, worlds: tuple[World, World], case: str, csv: Path
) -> None:
    mine, _ = worlds
    before = rows_with(engine, MINE)
    actor = Actor(mine.user, "anna", mine.organization_id, frozenset())
    _, refusal = call(engine, case, actor, mine, csv)
    assert isinstance(refusal, Forbidden)
    assert rows_with(engine, MINE) == before


def test_a_new_row_never_lands_in_another_organization(engine: Engine, worlds: tuple[World, World], csv: Path) -> None:
    mine, theirs = worlds
    actor = Actor(mine.user, "anna", mine.organization_id, frozenset(Permission))
    with engine.connect() as connection:
        counts = {
            name: connection.scalar(
                text(f'SELECT count(*) FROM "{name}" WHERE organization_id = :it'), {"it": theirs.organization_id}
            )
            for name, table in Base.metadata.tables.items()
            if "organization_id" in table.c
        }
        connection.rollback()
        for case in CASES:
            call(engine, case, actor, theirs, csv)
        for name, count in counts.items():
            found = connection.scalar(
                text(f'SELECT count(*) FROM "{name}" WHERE organization_id = :it'), {"it": theirs.organization_id}
            )
            assert found == count, name


def test_a_global_actor_reaches_every_organization(engine: Engine, worlds: tuple[World, World]) -> None:
    with db.read_transaction(engine) as session:
        found = lists.list_lists(session, Actor.system())
    assert {MINE, THEIRS} <= {row.contact_list.name for row in found}
