"""Trunks, calling windows, strategies, completion codes and media servers in the panel."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from app.core.strategy.parser import shipped, shipped_names
from app.db import read_transaction, write_transaction
from app.models import (
    AllowedHost,
    Attempt,
    AuditEntry,
    CallingWindow,
    CompletionCode,
    Job,
    JobState,
    MediaServer,
    Organization,
    ScriptRevision,
    StrategyRevision,
    Trunk,
)
from app.web.panel.strategies.outline import duration, outline
from app.web.panel.windows.week import has_unusual, week
from common.clock import utcnow
from tests.support.panel import World

_PAGES = """
/trunks/ /trunks/new /trunks/1 /windows/ /windows/1 /windows/presets /windows/new /windows/new?preset=fr
/strategies/ /strategies/1 /strategies/new /strategies/1/revisions/1/edit /codes/ /codes/new /media-servers/ /hosts/
/calendars/ /pacing/ /filters/ /filters/new /attributes/ /attributes/new /contacts/1/edit /contacts/1/history
"""
_TRUNK = {
    "name": "Carrier", "host": "sip.example.com", "port": "5060", "line": "native", "max_channels": "30",
    "calls_per_second": "5", "username": "me", "password": "open sesame", "organization_id": "0",
}  # fmt: skip


@pytest.mark.parametrize("path", _PAGES.split())
def test_every_page_answers(admin: FlaskClient, world: World, path: str) -> None:
    assert admin.get(path).status_code == 200


def test_a_supervisor_looks_and_does_not_change(signed_in: Callable[[str], FlaskClient], world: World) -> None:
    watcher = signed_in("watcher")
    page = watcher.get("/windows/").text

    assert "/windows/new" not in page
    assert "/trunks/" not in page
    assert watcher.get("/strategies/1").status_code == 200
    for path in (
        "/trunks/",
        "/hosts/",
        "/windows/new",
        "/strategies/new",
        "/codes/new",
        "/strategies/1/revisions/1/edit",
    ):
        assert watcher.get(path).status_code == 403
    assert watcher.post("/windows/1/delete").status_code == 403


def test_makes_and_changes_a_trunk_without_ever_showing_its_password(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    assert admin.post("/trunks/new", data=_TRUNK).status_code == 302
    with read_transaction(sqlite_engine) as session:
        trunk = session.scalars(select(Trunk).where(Trunk.name == "Carrier")).one()
    assert trunk.organization_id is None
    page = admin.get(f"/trunks/{trunk.id}").text
    assert "sesame" not in page
    assert trunk.password_encrypted not in page

    admin.post(f"/trunks/{trunk.id}", data={**_TRUNK, "password": "", "port": "5070"})

    with read_transaction(sqlite_engine) as session:
        changed = session.get_one(Trunk, trunk.id)
        assert (changed.port, changed.password_encrypted) == (5070, trunk.password_encrypted)


def test_a_trunk_keeps_how_it_signals(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    more = {
        "transport": "tls",
        "port": "0",
        "proxy": "proxy.example.com:5061",
        "gateways": "sip2.example.com;weight=3\r\n203.0.113.9:5061;priority=1",
        "redirects": "+1212, 203.0.113.9",
        "transfers": "+1800 agents.example.com",
        "domain": "us.example.com",
        "register": "y",
        "username": "clarion",
        "srtp": "require",
        "keys": "info",
        "ptime": "30",
        "g722": "y",
    }
    admin.post("/trunks/new", data={**_TRUNK, "name": "Careful", **more})
    with read_transaction(sqlite_engine) as session:
        trunk = session.scalars(select(Trunk).where(Trunk.name == "Careful")).one()
        assert (trunk.transport, trunk.port) == ("tls", 0)
        assert trunk.signalling == {
            "proxy": "proxy.example.com:5061",
            "gateways": ["sip2.example.com;weight=3", "203.0.113.9:5061;priority=1"],
            "redirects": ["+1212", "203.0.113.9"],
            "transfers": ["+1800", "agents.example.com"],
            "domain": "us.example.com",
            "register": True,
            "srtp": "require",
            "keys": "info",
            "ptime": 30,
            "g722": True,
        }
        key = trunk.id
    page = admin.get(f"/trunks/{key}").text
    assert "sip2.example.com;weight=3\n203.0.113.9:5061;priority=1" in page
    assert "+1212, 203.0.113.9" in page
    assert all(f'<option selected value="{value}">' in page for value in ("require", "info", "30"))


def test_puts_a_trunk_s_fault_at_its_field(admin: FlaskClient, world: World) -> None:
    answer = admin.post("/trunks/new", data={**_TRUNK, "simulated": "y", "port": "99999"})
    assert answer.status_code == 422
    assert "Give a number up to 65535." in answer.text

    answer = admin.post("/trunks/new", data={**_TRUNK, "simulated": "y"})
    assert answer.status_code == 422
    assert "may reach real telephones" in answer.text


def test_resumes_a_paused_trunk(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        trunk = session.get_one(Trunk, 1)
        trunk.paused_until, trunk.paused_reason = utcnow() + timedelta(hours=1), "403 Forbidden"
    assert "403 Forbidden" in admin.get("/trunks/").text

    page = admin.post("/trunks/1/resume", follow_redirects=True).text

    assert "403 Forbidden" not in page
    assert "Calls leave by Simulated carrier again" in page


def test_a_trunk_in_use_says_so(admin: FlaskClient, world: World) -> None:
    page = admin.post("/trunks/1/delete", follow_redirects=True).text

    assert "is used by the campaign &#39;Reminder&#39;" in page


def test_makes_a_window_from_a_country_s_hours(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    form = admin.get("/windows/new?preset=fr").text
    assert 'value="10:00-13:00, 14:00-20:00"' in form
    names = re.findall(r'name="(\w+)" (?:placeholder="Closed" )?(?:[\w-]+="[^"]*" )*value="([^"]*)"', form)

    made = admin.post("/windows/new", data={**dict(names), "name": "France", "mon": "10-13, 14-20", "source": "x"})

    assert made.status_code == 302
    assert "10:00-13:00, 14:00-20:00" in admin.get(made.location).text
    with read_transaction(sqlite_engine) as session:
        window = session.scalars(select(CallingWindow).where(CallingWindow.name == "France")).one()
        assert window.hours["mon"] == [["10:00", "13:00"], ["14:00", "20:00"]]


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        ({"wed": "morning"}, "&#39;morning&#39; is not a span"),
        ({"wed": "8:00-25:00"}, "&#39;25:00&#39; is not a time of day"),
        ({}, "A window without any hours never opens"),
        ({day: "0-24" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}, "Open day and night all week"),
    ],
)
def test_puts_a_window_s_fault_at_its_day(admin: FlaskClient, world: World, hours: dict[str, str], says: str) -> None:
    answer = admin.post("/windows/new", data={"name": "Mine", **hours})

    assert answer.status_code == 422
    assert says in answer.text


def test_a_window_open_around_the_clock_is_drawn_and_not_edited(admin: FlaskClient, world: World) -> None:
    page = admin.get("/windows/1").text
    assert "Open around the clock" in page
    assert "/windows/1/edit" not in page

    answer = admin.post("/windows/1/edit", data={"name": "Always", "mon": "8-20"})

    assert answer.status_code == 422
    assert "is not edited" in answer.text


def test_draws_what_goes_past_midnight_on_both_days() -> None:
    monday, tuesday, *rest = week({"mon": [["20:00", "02:00"]]})

    assert [(span.start, span.length, span.unusual) for span in monday.spans] == [(1200, 90, False), (1290, 150, True)]
    assert [(span.start, span.length) for span in tuesday.spans] == [(0, 120)]
    assert (monday.text, tuesday.text) == ("20:00-02:00", "")
    assert not any(day.spans for day in rest)
    assert has_unusual((monday,))


def test_saves_a_broken_draft_with_its_problems_by_line_and_publishes_the_mended_one(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    good = shipped(shipped_names()[0])
    broken = good.replace('failState="second-number"', 'failState="nowhere"', 1)
    line = next(number for number, text in enumerate(broken.splitlines(), 1) if "nowhere" in text)
    made = admin.post("/strategies/1/revisions/1/edit", data={"xml": broken.replace("\n", "\r\n")})
    page = admin.get(made.location).text
    assert "1 error found" in page
    assert f'<span class="line is-error" id="line-{line}">' in page
    assert "cannot be published" in admin.post(f"{made.location}/publish", follow_redirects=True).text

    mended = admin.post(f"{made.location}/edit", data={"xml": good})
    assert "is published" in admin.post(f"{mended.location}/publish", follow_redirects=True).text
    with read_transaction(sqlite_engine) as session:
        rows = session.scalars(
            select(StrategyRevision).where(StrategyRevision.strategy_id == 1).order_by(StrategyRevision.number)
        ).all()
        assert [row.state for row in rows] == ["published", "draft", "published"]
        assert rows[1].xml == broken


def test_a_revision_belongs_to_its_strategy(admin: FlaskClient, world: World) -> None:
    assert admin.get("/strategies/2/revisions/1").status_code == 404
    assert admin.post("/strategies/2/revisions/1/publish").status_code == 404


def test_makes_a_strategy_from_a_shipped_one(admin: FlaskClient, world: World) -> None:
    assert "sms" in admin.get("/strategies/new?from=message-only").text
    made = admin.post("/strategies/new", data={"name": "Mine", "xml": shipped("message-only")})
    assert made.status_code == 302
    assert "No errors found" in admin.get(made.location).text
    assert admin.post("/strategies/new", data={"name": "Mine", "xml": "<x/>"}).status_code == 422


@pytest.mark.parametrize("name", shipped_names())
def test_draws_the_shipped_strategies(name: str) -> None:
    drawing = outline(shipped(name))

    assert drawing is not None
    assert [box.kind for box in drawing.boxes].count("end") == 1
    assert len({(box.x, box.y) for box in drawing.boxes}) == len(drawing.boxes)
    assert all(box.x < drawing.width and box.y < drawing.height for box in drawing.boxes)


def test_draws_loops_and_says_retries_in_words() -> None:
    drawing = outline(
        """<Strategy xmlns="urn:clarion:strategy:1" name="Loop">
        <Handler name="a"><Call><Address attribute="phone1"/><Results default="b">
          <Result code="CALL_BUSY"><Retry count="2" intervals="90s, 2h" failState="b"/></Result>
        </Results></Call></Handler>
        <Handler name="b"><Call><Address attribute="phone2"/><Results default="a">
          <Result code="ANSWER_HUMAN" next="done"/></Results></Call></Handler></Strategy>"""
    )
    assert drawing is not None
    assert len(drawing.lines) == 3
    assert drawing.handlers[0].steps[0].retry == "Again 2 times, after 90 s, 2 h; then"
    assert outline("<broken") is None
    assert [duration(seconds) for seconds in (30, 90, 120, 5400, 86400)] == ["30 s", "90 s", "2 min", "90 min", "1 d"]


def test_makes_changes_and_deletes_a_code(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    taken = admin.post("/codes/new", data={"name": "CALL_BUSY"})
    assert taken.status_code == 422
    assert "is a code of the system" in taken.text
    admin.post("/codes/new", data={"name": "PAID", "human": "y", "success": "y"})
    with read_transaction(sqlite_engine) as session:
        code = session.scalars(select(CompletionCode).where(CompletionCode.name == "PAID")).one()
    assert (code.human, code.success, code.counts_as_attempt) == (True, True, False)

    admin.post(f"/codes/{code.id}", data={"name": "OTHER", "description": "By card"})
    assert "The code is deleted." in admin.post(f"/codes/{code.id}/delete", follow_redirects=True).text


def test_draws_a_custom_success_as_one(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    with write_transaction(sqlite_engine) as session:
        session.add(CompletionCode(organization_id=world.organization_id, name="PAID", success=True))
        attempt = session.get_one(Attempt, world.attempt_id)
        attempt.completion_code = "PAID"

    good = '<span class="code-chip is-good" title="PAID">'
    assert good in admin.get(f"/contacts/{world.contact_id}").text
    assert good in admin.get(f"/contacts/{world.contact_id}/attempts/{world.attempt_id}").text


def test_asks_for_the_organization_where_there_are_several(
    admin: FlaskClient, world: World, sqlite_engine: Engine
) -> None:
    with write_transaction(sqlite_engine) as session:
        other = Organization(name="Other", created_at=utcnow())
        session.add(other)
        session.flush()
        other_id = other.id
    assert 'name="organization_id"' in admin.get("/windows/new").text

    admin.post("/windows/new", data={"name": "Theirs", "mon": "9-17", "organization_id": str(other_id)})

    with read_transaction(sqlite_engine) as session:
        window = session.scalars(select(CallingWindow).where(CallingWindow.name == "Theirs")).one()
        assert window.organization_id == other_id


def test_shows_which_media_servers_answer(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    now = utcnow()
    with write_transaction(sqlite_engine) as session:
        servers = [
            MediaServer(name="new", url="http://127.0.0.1:1"),
            MediaServer(name="gone", url="http://127.0.0.1:2", last_seen_at=now - timedelta(hours=1)),
            MediaServer(name="full", url="http://127.0.0.1:3", last_seen_at=now, capacity=5, active_calls=5),
            MediaServer(
                name="late",
                url="http://127.0.0.1:5",
                last_seen_at=now,
                load={"status": "overloaded", "reason": "overloaded: 7 % of packets", "busy": 0.5, "rtp_late": 0.07},
            ),
            MediaServer(name="fine", url="http://127.0.0.1:4", last_seen_at=now, capacity=5, active_calls=1),
        ]
        session.add_all(servers)
    page = admin.get("/media-servers/").text

    assert re.findall(r"Never seen|Not answering|Full|Answering|Overloaded", page) == [
        "Answering", "Full", "Not answering", "Overloaded", "Never seen",
    ]  # fmt: skip
    assert "overloaded: 7 % of packets" in page
    assert "7.0 %" in page


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.STOPPED])
def test_an_ended_job_has_no_button_to_stop_it(
    admin: FlaskClient, world: World, sqlite_engine: Engine, state: JobState
) -> None:
    with write_transaction(sqlite_engine) as session:
        session.get_one(Job, world.job_id).state = state

    forms = re.findall(r"<form[^>]*data-states[^>]*>", admin.get(f"/jobs/{world.job_id}").text)

    assert len(forms) == 3
    assert all(re.search(r"\shidden[\s>]", form) for form in forms)


def test_tells_a_script_s_warnings_from_its_errors(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    vxml = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block/></form></vxml>'
    admin.post("/scripts/new", data={"name": "Mine", "file": (BytesIO(vxml), "main.vxml")})
    problem = {"file": "main.vxml", "line": 1, "column": 1, "message": "odd"}
    for severities, shown in ((["warning"], "1 warning"), (["error", "warning", "warning"], "2 warnings")):
        with write_transaction(sqlite_engine) as session:
            revision = session.scalars(select(ScriptRevision)).one()
            revision.problems = [{**problem, "severity": severity} for severity in severities]
        page = admin.get("/scripts/").text
        assert f'<span class="text-warning nowrap">{shown}</span>' in page
        assert ('<span class="text-danger nowrap">1 error</span>' in page) is ("error" in severities)


def test_allows_a_public_server_and_takes_it_back(admin: FlaskClient, world: World, sqlite_engine: Engine) -> None:
    form = {"name": "Pay.Example.com", "note": "card processor", "organization_id": "1"}
    assert admin.post("/hosts/", data=form).status_code == 302
    assert "https://pay.example.com" in admin.get("/hosts/").text
    again = admin.post("/hosts/", data=form)
    assert (again.status_code, "allowed already" in again.text) == (422, True)
    for private in ("http://127.0.0.1:8080", "http://0x7f.1/", "localhost", "http://[fe80::1]", "http://10.0.0.1"):
        refused = admin.post("/hosts/", data={**form, "name": private})
        assert (refused.status_code, "private network" in refused.text) == (422, True), private
    for odd in ("https://pay.example.com/api", "file:///etc", "https://a@b.example", "pay example"):
        assert admin.post("/hosts/", data={**form, "name": odd}).status_code == 422, odd
    with read_transaction(sqlite_engine) as session:
        host = session.scalars(select(AllowedHost)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "allowed_host.create")).one()
    assert (entry.organization_id, entry.after) == (
        host.organization_id,
        {"origin": "https://pay.example.com", "note": "card processor"},
    )
    assert "may not use" in admin.post(f"/hosts/{host.id}/remove", follow_redirects=True).text
    assert "No other servers" in admin.get("/hosts/").text


def test_keeps_a_holiday_a_guard_time_and_a_line_of_the_map(admin: FlaskClient, world: World) -> None:
    admin.post("/calendars/holidays", data={"day": "2099-12-24", "name": "Eve", "campaign_id": "0", "effect": "skip"})
    admin.post("/calendars/guards", data={"scope": "state", "key": "us-fl", "weekdays": "8-20", "source": "Act"})
    admin.post("/calendars/zones", data={"prefix": "+1850", "zones": "America/Chicago", "state": "FL", "line": ""})
    page = admin.get("/calendars/").text
    for words in ("2099-12-24", "Eve", "US-FL", "08:00-20:00", "+1850", "America/Chicago"):
        assert words in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))

    assert admin.post("/calendars/guards/1/remove").status_code == 302
    assert "08:00-20:00" not in admin.get("/calendars/").text


@pytest.mark.parametrize(
    ("path", "data", "words"),
    [
        ("holidays", {"day": "never", "name": "x", "campaign_id": "0", "effect": "skip"}, "Not a valid date"),
        ("guards", {"scope": "zone", "key": "Mars/Olympus", "weekdays": "8-20"}, "not a known time zone"),
        ("guards", {"scope": "country", "key": "FR", "weekdays": "morning"}, "is not a span"),
        ("zones", {"prefix": "850", "zones": "America/Chicago", "line": ""}, "Write + and the first digits"),
    ],
)
def test_says_at_the_field_what_is_wrong_with_a_calendar(
    admin: FlaskClient, world: World, path: str, data: dict[str, str], words: str
) -> None:
    answer = admin.post(f"/calendars/{path}", data=data)
    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
