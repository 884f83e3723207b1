from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.db import write_transaction
from app.models import Organization
from app.services import lists
from common.clock import utcnow
from tests.support.source_world import ACTOR, World


@pytest.fixture
def list_id(engine: Engine) -> int:
    with write_transaction(engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        return lists.create_list(session, ACTOR, "People").id


@pytest.fixture
def world(sqlite_engine: Engine, tmp_path: Path) -> World:
    with write_transaction(sqlite_engine) as session:
        session.add(Organization(name="Test", created_at=utcnow()))
        session.flush()
        list_id = lists.create_list(session, ACTOR, "People").id
    return World(sqlite_engine, tmp_path, list_id)
