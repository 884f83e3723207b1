"""Pacing tried out: asked for in the panel, run beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.cli import main
from app.db import read_transaction, write_transaction
from app.models import Attempt, AttemptState, Campaign, JobContact, PacingTrial, TrialState
from app.security.access import Actor
from app.services import pacing_trials
from app.web.trial_runner import TrialRunner
from common.clock import utcnow
from common.ids import new_id
from pacing.algorithms import Outcome
from tests.support.panel import World

ASKED = {
    "days": "0", "modes": ["progressive"], "agents": "2", "hours": "0.1", "limit": "3",
    "wrapup": "20", "shifts": "1", "preview": "15", "preview_seconds": "15",
}  # fmt: skip


def calls_of(engine: Engine, world: World, now: datetime, codes: dict[str, int]) -> None:
    """So many attempts by code, answered after 5 s where a person or machine was there, of 60 s."""
    with write_transaction(engine) as session:
        job_contact = session.scalars(select(JobContact)).first()
        assert job_contact is not None
        number = 100
        for code, count in codes.items():
            for _ in range(count):
                number += 1
                answered = now - timedelta(days=1) + timedelta(seconds=5) if code.startswith("ANSWER") else None
                session.add(
                    Attempt(
                        id=new_id(), organization_id=job_contact.organization_id, job_id=job_contact.job_id,
                        job_contact_id=job_contact.id, contact_id=job_contact.contact_id, number=number,
                        channel="voice", address="+12025550123", state=AttemptState.DONE, completion_code=code,
                        started_at=now - timedelta(days=1), answered_at=answered,
                        ended_at=now - timedelta(days=1) + timedelta(seconds=65),
                    )
                )  # fmt: skip


def test_a_trial_runs_beside_the_panel_and_shows_what_came_of_it(admin: FlaskClient, sqlite_engine: Engine) -> None:
    page = admin.post("/pacing/", data=ASKED).location
    assert "hx-get" in admin.get(page).text

    assert TrialRunner(sqlite_engine).look()

    text = admin.get(page).text
    assert "hx-get" not in text
    assert "Completed" in text
    assert "Nobody can do better than" in text
    assert "<svg" in text
    assert "progressive," in admin.get(f"{page}?format=csv").text
    assert "Typical figures" in admin.get("/pacing/").text


def test_traffic_becomes_the_scenario(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    codes = {"ANSWER_HUMAN": 50, "ANSWER_MACHINE": 30, "CALL_BUSY": 10, "RING_NO_ANSWER": 100, "NO_PORTS": 500}
    calls_of(sqlite_engine, world, utcnow(), codes)

    answer = admin.post("/pacing/", data={**ASKED, "days": "7", "campaigns": [str(world.campaign_id)]})

    assert answer.status_code == 302
    with read_transaction(sqlite_engine) as session:
        trial = session.scalars(select(PacingTrial)).one()
        calls = pacing_trials.past_calls(session, Actor.system(), None, utcnow() - timedelta(days=7))
    assert trial.asked["scenario"]["hit_rate"] == pytest.approx(50 / 190, abs=0.02)
    assert sum(call.outcome is Outcome.HUMAN for call in calls) >= 50
    assert not any(call.seconds < 0 for call in calls)


def test_campaigns_are_tried_together_on_the_same_agents_and_lines(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        one = session.get_one(Campaign, world.campaign_id)
        columns = {column.key for column in Campaign.__table__.columns} - {"id", "name", "pacing"}
        other = Campaign(**{name: getattr(one, name) for name in columns}, name="Zebra <b>", pacing={"weight": 3})
        session.add(other)
        session.flush()
        both = [str(one.id), str(other.id)]
    form = {
        **ASKED,
        "campaigns": both,
        "modes": ["timed_preview", "agentless"],
        "hours": "0.1",
        "calls_per_second": "2",
    }
    page = admin.post("/pacing/", data=form).location

    assert TrialRunner(sqlite_engine).look()

    text = admin.get(page).text
    assert "Completed" in text
    assert text.count("of the lines") == 4
    assert "75 % by weight" in text
    assert "Zebra &lt;b&gt;: Timed preview" in text
    assert "Without agents, as each campaign says" in text
    rows = admin.get(f"{page}?format=csv").text.splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["timed_preview"] * 3 + ["agentless"] * 3


def test_the_command_takes_the_same_traffic(
    world: World,
    sqlite_engine: Engine,
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls_of(sqlite_engine, world, utcnow(), {"ANSWER_HUMAN": 200})
    monkeypatch.setenv("CLARION_DATABASE_URL", sqlite_url)
    tried = ["simulate", "pacing", "--from-attempts", "7", "--agents", "2", "--hours", "0.05", "--json"]

    assert main([*tried, "--mode", "progressive"]) == 0
    figures = json.loads(capsys.readouterr().out)
    # Everybody answers; two may ring yet when time ends.
    assert figures["placed"] >= 4
    assert figures["live"] >= figures["placed"] - 2
    assert main([*tried, "--campaign", "nowhere"]) != 0
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"days": "7"}, "say too little"),
        ({"modes": []}, "Choose at least one"),
        ({"hit_rate": "99"}, "add up to more than 1"),
        ({"agents": "0"}, "between 1 and 1000"),
        ({"modes": ["agentless"]}, "choose campaigns"),
        ({"modes": ["agentless"], "campaigns": ["1"]}, "give how many"),
        ({"modes": ["agentless"], "campaigns": ["1"], "calls_per_second": "0.5"}, "share whole calls"),
        ({"modes": ["agentless"], "campaigns": ["1"], "calls_per_second": "2", "hit_rate": "99"}, "more than 1"),
        ({"agents": "1000", "hours": "12", "shifts": "20", "modes": ["predictive", "progressive"]}, "too much for one"),
    ],
)
def test_what_cannot_be_tried_is_refused_at_its_field(admin: FlaskClient, change: dict[str, str], words: str) -> None:
    answer = admin.post("/pacing/", data={**ASKED, **change})

    assert answer.status_code == 422
    assert words in answer.text


def test_a_cancelled_trial_ends(admin: FlaskClient, sqlite_engine: Engine) -> None:
    first = admin.post("/pacing/", data=ASKED).location
    admin.post(f"{first}/cancel")
    assert not TrialRunner(sqlite_engine).look()

    second = admin.post("/pacing/", data=ASKED).location
    claimed = pacing_trials.claim(sqlite_engine, utcnow())
    assert claimed is not None
    admin.post(f"{second}/cancel")

    assert not pacing_trials.note(sqlite_engine, claimed[0], 0.5, {"modes": {}}, utcnow())
    assert "under way" in admin.post(f"{second}/remove", follow_redirects=True).text
    assert "Cancelled" in admin.get(first).text


def test_a_trial_whose_runner_died_begins_anew(admin: FlaskClient, sqlite_engine: Engine) -> None:
    admin.post("/pacing/", data=ASKED)
    now = utcnow()
    claimed = pacing_trials.claim(sqlite_engine, now)

    assert pacing_trials.claim(sqlite_engine, now + timedelta(seconds=30)) is None
    assert pacing_trials.claim(sqlite_engine, now + timedelta(seconds=90)) == claimed


def test_a_trial_of_another_organization_is_not_there(
    signed_in: Callable[[str], FlaskClient], sqlite_engine: Engine
) -> None:
    page = signed_in("admin").post("/pacing/", data=ASKED).location
    trial_id = int(page.rpartition("/")[2])
    with read_transaction(sqlite_engine) as session:
        assert pacing_trials.list_trials(session, Actor.system(organization_id=999)) == []
    assert signed_in("watcher").get(page).status_code == 200
    pacing_trials.end(sqlite_engine, trial_id, TrialState.FAILED, "x", utcnow())
    assert signed_in("admin").post(f"{page}/remove").status_code == 302
    assert signed_in("admin").get(page).status_code == 404
