"""What the web role asks of the database in its own way, on both kinds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.db import read_transaction
from app.security.access import Actor
from app.services.choices import campaign_choices
from app.services.dashboard import overview
from app.web.application import create_app
from app.web.live.snapshot import chart, render_parts, take
from app.web.vxml_pages.notice import NoticePages
from common.clock import utcnow
from tests.support import panel

pytestmark = [pytest.mark.integration, pytest.mark.postgres]


@pytest.fixture
def world(engine: Engine) -> panel.World:
    return panel.build(engine)


def test_finds_a_call_straight_on_the_driver(engine: Engine, world: panel.World) -> None:
    pages = NoticePages(engine)

    page = pages.page(world.attempt_id)

    assert page is not None
    assert "you owe 10.50" in page
    assert pages.page("no-such-attempt") is None


def test_a_call_is_found_after_the_database_closed_the_connection(postgres_engine: Engine) -> None:
    world = panel.build(postgres_engine)
    pages = NoticePages(postgres_engine)
    assert pages.page(world.attempt_id) is not None

    with postgres_engine.connect() as connection:
        mine = "pid <> pg_backend_pid() AND datname = current_database()"
        closed = connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")).all()

    assert closed
    assert pages.page(world.attempt_id) is not None


def test_shows_a_job_and_the_dashboard(engine: Engine, world: panel.World, tmp_path: Path) -> None:
    app = create_app(panel.settings(tmp_path, str(engine.url)), engine)
    with read_transaction(engine) as session:
        view = take(session, Actor.system(), world.job_id, utcnow() + timedelta(seconds=2))
        parts = render_parts(app.jinja_env, view)
        seen = overview(session, Actor.system(), utcnow())
        choices = campaign_choices(session, Actor.system(world.organization_id))

    assert view.summary.reconciles
    assert "Ann &lt;&amp;&gt;" in parts["calls"]
    assert sum(chart(view)["started"]) == 3
    assert {code.code for code in seen.codes} == {"CALL_BUSY", "ANSWER_HUMAN"}
    assert [choice.label for choice in choices.contact_lists] == ["People (3 contacts)"]
