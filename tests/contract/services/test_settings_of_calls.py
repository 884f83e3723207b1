"""Trunks, calling windows and completion codes on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.calendars import WEEKDAYS
from app.core.calendars.presets import PRESETS
from app.db import write_transaction
from app.models import Attempt, AuditEntry, CallingWindow, Campaign, CompletionCode, Job, JobState, Organization, Trunk
from app.security.access import Actor, Forbidden, NotFound
from app.security.secrets import Vault
from app.services import codes, strategies, trunks, windows
from app.services.codes import Flags
from app.services.trunks import TrunkFields
from app.services.windows import WindowFields
from common.clock import utcnow
from common.errors import Refused
from tests.support.organizations import World, build

VAULT = Vault("a secret key of these tests")
CARRIER = TrunkFields("Carrier", "sip.example.com", username="me", password="open sesame")
OFFICE = WindowFields("Office", {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]}, "our own rule")
SYSTEM = Actor.system()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with write_transaction(engine) as opened:
        yield opened


@pytest.fixture
def home(session: Session) -> int:
    """An organization with nothing in it."""
    organization = Organization(name="Harbour Clinic", created_at=utcnow())
    session.add(organization)
    session.flush()
    return organization.id


@pytest.fixture
def busy(session: Session) -> World:
    """An organization with a campaign whose job is running."""
    return build(session, "busymarker")


# trunks


def test_keeps_a_trunk_s_password_encrypted_and_out_of_the_audit_trail(session: Session, home: int) -> None:
    made = trunks.create_trunk(session, SYSTEM, CARRIER, VAULT)

    assert "sesame" not in made.password_encrypted
    assert VAULT.decrypt(made.password_encrypted) == "open sesame"
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "trunk.create")).one()
    assert entry.after is not None
    assert entry.after["password_encrypted"] == "********"


def test_an_update_without_password_keeps_it_and_an_empty_one_removes_it(session: Session, home: int) -> None:
    made = trunks.create_trunk(session, SYSTEM, CARRIER, VAULT)

    trunks.update_trunk(session, SYSTEM, made.id, replace(CARRIER, port=5070, password=None), VAULT)
    assert (made.port, VAULT.decrypt(made.password_encrypted)) == (5070, "open sesame")
    trunks.update_trunk(session, SYSTEM, made.id, replace(CARRIER, username="", password=""), VAULT)
    assert made.password_encrypted == ""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (replace(CARRIER, name=" "), "name: give"),
        (replace(CARRIER, host="sip example"), "host: 'sip example' is neither"),
        (replace(CARRIER, host="10.0.0.300"), "host: '10.0.0.300' is neither"),
        (replace(CARRIER, host="sip.example.com\r\nVia: x"), "host: "),
        (replace(CARRIER, host="0.0.0.0"), "host: 0.0.0.0 is no address"),
        (replace(CARRIER, port=65_536), "port: give a whole number from 1 to 65,535"),
        (replace(CARRIER, host="192.0.2.1", port=0), "port: give a whole number from 1 to 65,535"),
        (replace(CARRIER, transport="sctp"), "transport: use one of udp, tcp, tls, dns"),
        (replace(CARRIER, line="pyvoip", transport="tls"), "line: pyVoIP speaks UDP only"),
        (
            replace(CARRIER, line="asterisk", register=True, username="u"),
            "line: gateways, redirections and registration",
        ),
        (replace(CARRIER, line="pyvoip", proxy="10.0.0.1"), "line: pyVoIP knows no proxy"),
        (replace(CARRIER, proxy="a b"), "proxy: 'a b' is no gateway"),
        (replace(CARRIER, proxy="10.0.0.1;weight=2"), "proxy: write HOST"),
        (replace(CARRIER, gateways=("10.0.0.1:99999",)), "gateways: '10.0.0.1:99999' is no gateway"),
        (replace(CARRIER, redirects=("anywhere",)), "redirects: 'anywhere' is neither"),
        (replace(CARRIER, transfers=("any where",)), "transfers: 'any where' is neither"),
        (replace(CARRIER, ptime=25), "ptime: 25 is none of 10, 20"),
        (replace(CARRIER, keys="loud"), "keys: 'loud' is none of auto, inband, info"),
        (replace(CARRIER, srtp="maybe"), "srtp: 'maybe' is none of off, offer, require"),
        (replace(CARRIER, line="pyvoip", srtp="offer"), "srtp: the line pyvoip keeps to the usual"),
        (replace(CARRIER, username="", password=None, register=True), "register: a registration needs a login"),
        (replace(CARRIER, line="carrier pigeon"), "line: use one of native, pyvoip, asterisk"),
        (replace(CARRIER, username='me"'), "username: "),
        (replace(CARRIER, username=""), "username: a password needs a login"),
        (replace(CARRIER, password="a\nb"), "password: "),
        (replace(CARRIER, max_channels=0), "max_channels: give"),
        (replace(CARRIER, calls_per_second=5000), "calls_per_second: give"),
        (replace(CARRIER, simulated=True), "simulated: sip.example.com may reach real telephones"),
        (replace(CARRIER, host="localhost.example.com", simulated=True), "simulated: "),
    ],
)
def test_refuses_a_trunk_by_its_field(session: Session, home: int, fields: TrunkFields, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        trunks.create_trunk(session, SYSTEM, fields, VAULT)
    assert str(refusal.value).startswith(says)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_a_simulated_trunk_leads_to_this_machine(session: Session, home: int, host: str) -> None:
    assert trunks.create_trunk(session, SYSTEM, replace(CARRIER, host=host, simulated=True), VAULT).simulated


def test_a_trunk_called_around_the_clock_stays_simulated(session: Session, busy: World) -> None:
    session.get_one(CallingWindow, busy.calling_window).always_open = True
    trunk = session.get_one(Trunk, busy.trunk)

    with pytest.raises(Refused, match="simulated: the campaign 'busymarker' calls around the clock"):
        trunks.update_trunk(session, SYSTEM, trunk.id, TrunkFields(trunk.name, "127.0.0.1"), VAULT)


def test_only_a_global_actor_touches_common_trunks(session: Session, home: int) -> None:
    mine = Actor.system(home)
    with pytest.raises(Forbidden):
        trunks.create_trunk(session, mine, CARRIER, VAULT, common=True)
    common = trunks.create_trunk(session, SYSTEM, CARRIER, VAULT, common=True)

    assert common.organization_id is None
    assert trunks.list_trunks(session, mine) == [common]
    for change in (trunks.delete_trunk, trunks.resume_trunk):
        with pytest.raises(Forbidden):
            change(session, mine, common.id)
    with pytest.raises(Forbidden):
        trunks.update_trunk(session, mine, common.id, CARRIER, VAULT)
    with pytest.raises(Refused, match="there is a trunk named 'Carrier' already"):
        trunks.create_trunk(session, SYSTEM, CARRIER, VAULT, common=True)


def test_a_group_has_simulated_trunks_or_real_ones(session: Session, home: int) -> None:
    grouped = replace(CARRIER, route="  all  of them ", priority=1, weight=3)
    made = trunks.create_trunk(session, SYSTEM, grouped, VAULT)
    assert (made.route, made.priority, made.weight) == ("all of them", 1, 3)
    other = replace(CARRIER, name="Other", host="127.0.0.1", simulated=True)
    with pytest.raises(Refused, match="route: 'Carrier' of this group is not simulated"):
        trunks.create_trunk(session, SYSTEM, replace(other, route="all of them"), VAULT)
    with pytest.raises(Refused, match="route: pyVoIP"):
        trunks.create_trunk(session, SYSTEM, replace(CARRIER, name="Old", route="x", line="pyvoip"), VAULT)
    with pytest.raises(Refused, match="weight: give a whole number"):
        trunks.create_trunk(session, SYSTEM, replace(CARRIER, name="Heavy", weight=1001), VAULT)


def test_a_trunk_in_use_is_not_deleted(session: Session, busy: World) -> None:
    with pytest.raises(Refused, match="is used by the campaign 'busymarker'; take"):
        trunks.delete_trunk(session, SYSTEM, busy.trunk)


def test_a_job_that_runs_holds_the_trunk_its_campaign_has_left(session: Session, busy: World) -> None:
    other = trunks.create_trunk(session, SYSTEM, CARRIER, VAULT, busy.organization_id)
    job = session.get_one(Job, busy.job)
    job.settings = {**job.settings, "trunk_id": busy.trunk}
    session.get_one(Campaign, busy.campaign).trunk_id = other.id
    session.flush()

    with pytest.raises(Refused, match=rf"is used by job {busy.job}; take"):
        trunks.delete_trunk(session, SYSTEM, busy.trunk)
    job.state = JobState.COMPLETED
    session.flush()
    trunks.delete_trunk(session, SYSTEM, busy.trunk)
    with pytest.raises(NotFound):
        trunks.get_trunk(session, SYSTEM, busy.trunk)


def test_resumes_a_paused_trunk(session: Session, busy: World) -> None:
    trunk = session.get_one(Trunk, busy.trunk)
    trunk.paused_until, trunk.paused_reason = utcnow() + timedelta(minutes=5), "401"

    resumed = trunks.resume_trunk(session, SYSTEM, trunk.id)

    assert resumed.paused_until is None
    assert resumed.paused_reason == ""
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "trunk.resume")).one()
    assert entry.before == {"reason": "401"}


# calling windows


def test_keeps_several_spans_a_day_and_those_past_midnight(session: Session, home: int) -> None:
    fields = replace(OFFICE, hours={"mon": [["09:00", "12:00"], ["22:00", "02:00"]], "tue": []})
    made = windows.create_window(session, SYSTEM, fields)

    assert made.hours == {"mon": [["09:00", "12:00"], ["22:00", "02:00"]]}
    assert (made.always_open, made.source) == (False, "our own rule")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (replace(OFFICE, name=""), "name: give"),
        (replace(OFFICE, source="x" * 256), "source: 255"),
        (replace(OFFICE, hours={}), "mon: a window without any hours"),
        (replace(OFFICE, hours={"tue": [["09:00", "9:99"]]}), "tue: '9:99' is not a time of day"),
        (replace(OFFICE, hours={"wed": [["09:00", "09:00"]]}), "wed: 09:00 to 09:00 is no time at all"),
        (replace(OFFICE, hours={"noday": [["09:00", "10:00"]]}), "noday: no such day"),
        (replace(OFFICE, hours={day: [["00:00", "24:00"]] for day in WEEKDAYS}), "mon: open day and night"),
        (replace(OFFICE, hours={day: [["08:00", "20:00"], ["20:00", "08:00"]] for day in WEEKDAYS}), "mon: open day"),
    ],
)
def test_refuses_a_window_by_its_field(session: Session, home: int, fields: WindowFields, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        windows.create_window(session, SYSTEM, fields)
    assert str(refusal.value).startswith(says)


def test_changes_a_window_that_a_running_job_uses(session: Session, busy: World) -> None:
    changed = windows.update_window(session, SYSTEM, busy.calling_window, replace(OFFICE, name="busymarker"))

    assert changed.hours == {"mon": [["09:00", "12:00"], ["13:00", "17:00"]]}
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "calling_window.update")).one()
    assert (entry.before, entry.after) == (
        {"hours": {}, "source": ""},
        {"hours": changed.hours, "source": "our own rule"},
    )
    assert windows.window_use(session, SYSTEM, changed.id).campaigns == ("busymarker",)


def test_a_window_that_is_always_open_is_not_edited(session: Session, busy: World) -> None:
    session.get_one(CallingWindow, busy.calling_window).always_open = True
    with pytest.raises(Refused, match="open around the clock and is not edited"):
        windows.update_window(session, SYSTEM, busy.calling_window, OFFICE)


def test_a_window_in_use_is_not_deleted(session: Session, busy: World) -> None:
    with pytest.raises(Refused, match="is used by the campaign 'busymarker'; take"):
        windows.delete_window(session, SYSTEM, busy.calling_window)
    other = windows.create_window(session, SYSTEM, OFFICE, busy.organization_id)
    windows.delete_window(session, SYSTEM, other.id)
    assert [window.id for window in windows.list_windows(session, SYSTEM)] == [busy.calling_window]


def test_an_organization_gets_the_presets_once(session: Session, home: int) -> None:
    session.add(CallingWindow(organization_id=home, name="Around the clock", hours={}, always_open=True))
    for _ in range(2):
        windows.ensure_default_windows(session, SYSTEM, home)

    found = windows.list_windows(session, SYSTEM)
    assert len(found) == len(PRESETS) + 1
    assert all(window.source for window in found if not window.always_open)
    france = next(window for window in found if window.name.startswith("France"))
    assert france.hours["fri"] == [["10:00", "13:00"], ["14:00", "20:00"]]
    assert "sat" not in france.hours
    windows.delete_window(session, SYSTEM, france.id)
    windows.ensure_default_windows(session, SYSTEM, home)
    assert len(windows.list_windows(session, SYSTEM)) == len(PRESETS)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("8-21", [["08:00", "21:00"]]),
        (" 10:00-13:00, 14:00 - 20:30 ", [["10:00", "13:00"], ["14:00", "20:30"]]),
        ("22 to 2; 9\N{EN DASH}10", [["22:00", "02:00"], ["09:00", "10:00"]]),
    ],
)
def test_reads_spans_as_people_write_them(text: str, pairs: list[list[str]]) -> None:
    assert windows.read_spans("mon", text) == pairs


def test_says_which_span_it_cannot_read() -> None:
    with pytest.raises(Refused, match=r"^sat: 'morning' is not a span; write such as"):
        windows.read_spans("sat", "9-10, morning")


# completion codes


def test_a_custom_code_is_known_to_strategies(session: Session, home: int) -> None:
    made = codes.create_code(session, SYSTEM, " promised ", Flags(human=True, rpc=True, success=True), "Will pay")

    assert (made.name, made.success, made.closure) == ("PROMISED", True, False)
    assert "PROMISED" in strategies.known_codes(session, home)
    assert codes.list_codes(session, SYSTEM) == [made]


@pytest.mark.parametrize(
    ("name", "flags", "says"),
    [
        ("CALL_BUSY", Flags(), "name: CALL_BUSY is a code of the system"),
        ("call_busy", Flags(), "name: CALL_BUSY is a code of the system"),
        ("1ST", Flags(), "name: use capital letters"),
        ("TWO WORDS", Flags(), "name: use capital letters"),
        ("X" * 65, Flags(), "name: use capital letters"),
        ("MET", Flags(rpc=True), "rpc: a right party is a person"),
        ("MET", Flags(closure=True, retry=True), "retry: a code that closes"),
    ],
)
def test_refuses_a_code_by_its_field(session: Session, home: int, name: str, flags: Flags, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        codes.create_code(session, SYSTEM, name, flags)
    assert str(refusal.value).startswith(says)


def test_a_code_s_name_is_taken_once(session: Session, home: int) -> None:
    codes.create_code(session, SYSTEM, "PROMISED", Flags())
    with pytest.raises(Refused, match="there is a code named PROMISED already"):
        codes.create_code(session, SYSTEM, "PROMISED", Flags())


def test_changes_a_code_s_flags_and_never_a_system_one_s(session: Session, busy: World) -> None:
    own = session.get_one(CompletionCode, busy.completion_code)
    codes.update_code(session, SYSTEM, own.id, Flags(success=True), "Better")
    assert (own.success, own.description) == (True, "Better")

    system = CompletionCode(organization_id=None, name="TEST_SYSTEM")
    session.add(system)
    session.flush()
    with pytest.raises(Refused, match="is a code of the system and never changes"):
        codes.update_code(session, SYSTEM, system.id, Flags(), "")
    with pytest.raises(NotFound):
        codes.update_code(session, Actor.system(busy.organization_id), system.id, Flags(), "")


def test_a_code_that_something_names_stays(engine: Engine) -> None:
    with write_transaction(engine) as session:
        busy = build(session, "codemarker")
        named = codes.create_code(session, SYSTEM, "NAMED", Flags(), "", busy.organization_id).id
        given = codes.create_code(session, SYSTEM, "GIVEN", Flags(), "", busy.organization_id).id
        free = codes.create_code(session, SYSTEM, "NAME", Flags(), "", busy.organization_id).id
        strategies.add_draft(session, SYSTEM, busy.strategy, '<Result code="NAMED" next="done"/>')
        session.get_one(Attempt, busy.attempt).completion_code = "GIVEN"

    with pytest.raises(Refused, match="the strategy 'codemarker' names NAMED in revision 2"):
        codes.delete_code(engine, SYSTEM, named)
    with pytest.raises(Refused, match="attempts ended with GIVEN"):
        codes.delete_code(engine, SYSTEM, given)
    codes.delete_code(engine, SYSTEM, free)
    with write_transaction(engine) as session, pytest.raises(NotFound):
        codes.get_code(session, SYSTEM, free)


@pytest.mark.parametrize(
    ("xml", "says"), [(" ", "xml: write"), ("<a>\0</a>", "xml: remove"), ("x" * 300_000, "xml: larger")]
)
def test_refuses_a_draft_that_cannot_be_kept(session: Session, busy: World, xml: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        strategies.add_draft(session, SYSTEM, busy.strategy, xml)
