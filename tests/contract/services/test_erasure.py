"""After an erasure nothing in the tables or files of the installation names the person, and nobody calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update

from app.core.compliance import Allowed
from app.core.traces import BLOT
from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    AttemptState,
    AuditEntry,
    CallingWindow,
    Contact,
    DncEntry,
    DncList,
    Erasure,
    ErasureState,
    ImportReject,
    Job,
    JobContact,
    JobContactState,
    Trunk,
)
from app.security import pseudonyms
from app.security.access import Actor
from app.security.secrets import Vault
from app.services import dnc, dnc_files, number_gate
from app.services.privacy import erasure, finding, stores
from app.services.reports import job_summary
from common.clock import utcnow
from common.errors import ConfigError, Refused, RemoteError
from engine.people import look_up
from tests.support import traced_person as traced
from tests.support.job_rows import make_job

ROOT = Actor.system()
KEY = "the installation's own secret"
VAULT = Vault(KEY)


class Servers:
    """Media servers that note what they were asked to forget."""

    def __init__(self) -> None:
        self.asked: list[stores.PastCall] = []
        self.away = False

    def forget(self, calls: Sequence[stores.PastCall]) -> Mapping[str, int]:
        if self.away:
            raise RemoteError("media server ms-1 does not answer")
        self.asked += calls
        return {"recordings": len(calls)}

    def recordings(self, calls: Sequence[stores.PastCall]) -> Iterator[tuple[str, bytes]]:
        yield from ()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def left(engine: Engine, home: Path) -> traced.Left:
    pseudonyms.attach(engine, KEY)
    left = traced.leave(engine, make_job(engine, 2), home, "ms-1")
    assert len(traced.found_in_tables(engine)) > 30  # the search finds what is there
    assert len(traced.found_in_files(home)) > 6
    return left


def ask(engine: Engine, way: str, value: str, organization: int | None = None) -> int:
    with write_transaction(engine) as session:
        person = finding.find_person(session, ROOT, way, value, organization)
        return erasure.request_erasure(session, ROOT, VAULT, person, f"case 12 of {traced.NUMBER}").id


def work(engine: Engine, home: Path, number: int, servers: Servers | None = None) -> bool:
    return erasure.advance(engine, VAULT, number, stores.StateFiles(home), servers or Servers())


@pytest.mark.parametrize("way", ["contact", "customer_id", "phone", "email"])
def test_nothing_names_the_person_afterwards(engine: Engine, left: traced.Left, home: Path, way: str) -> None:
    value = {"contact": str(left.contact_id), "customer_id": traced.CUSTOMER, "phone": "(202) 555-0143"}
    number = ask(engine, way, value.get(way, traced.EMAIL.upper()), left.organization_id)
    assert work(engine, home, number, servers := Servers())
    assert (left_behind := traced.found_in_tables(engine)) == [], left_behind
    assert traced.found_in_files(home) == []
    if engine.dialect.name == "sqlite":
        database = Path(str(engine.url.database))
        raw = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
        said = raw.decode("utf-8", "replace").lower()
        assert [each for each in traced.STRINGS if each in said] == []
    assert {call.attempt for call in servers.asked} == {left.attempt_id}
    with read_transaction(engine) as session:
        row = session.get_one(Erasure, number)
        assert (row.state, row.subject, row.detail) == (ErasureState.COMPLETED, "", "")
        assert row.removed["contacts"] == 2
        assert row.removed["files"] == 7
        actions = set(session.scalars(select(AuditEntry.action).where(AuditEntry.kind == "erasure")))
    assert actions == {"erasure.request", "erasure.complete"}


def test_figures_and_other_people_stay(engine: Engine, left: traced.Left, home: Path) -> None:
    with read_transaction(engine) as session:
        job = session.scalars(select(Job.id)).one()
        before = job_summary(session, ROOT, job)
    assert work(engine, home, ask(engine, "contact", str(left.contact_id)))
    with read_transaction(engine) as session:
        after = job_summary(session, ROOT, job)
        assert (after.codes, after.attempts, after.funnel) == (before.codes, before.attempts, before.funnel)
        assert session.get_one(Attempt, left.attempt_id).result == {"rtp": {"sent": 50}}
        shell = session.get_one(Contact, left.contact_id)
        assert (shell.first_name, shell.attributes, shell.deleted_at is None) == ("", {}, False)
        assert session.get(Contact, left.twin_id) is None  # no figure is counted from it
        neighbour = session.get_one(Contact, left.neighbour_id)
        assert (neighbour.first_name, neighbour.deleted_at) == ("Ada", None)
        assert session.scalar(select(Address.value).where(Address.contact_id == neighbour.id)) == "+12025550199"
        rows = session.scalars(select(ImportReject.row).order_by(ImportReject.line)).all()
        assert rows == [BLOT, BLOT, "11,Ada,bad"]
        told = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "call.test")).one()
    assert told is not None
    assert told["kept"] == "trunk A"


def test_the_person_is_never_called_again_even_if_imported_anew(engine: Engine, left: traced.Left, home: Path) -> None:
    assert work(engine, home, ask(engine, "contact", str(left.contact_id)))
    with write_transaction(engine) as session:
        own = session.scalars(select(DncList).where(DncList.name == dnc.OWN_LIST)).one()
        own.by_group = True  # a campaign that has not chosen the list may not call them either
        contact = traced._contact(session, left.organization_id, 1, "NEW", "")
        traced._address(session, contact, "phone1", traced.NUMBER, "")
    people = look_up(engine, left.organization_id, [contact.id], utcnow(), campaign_id=1)
    person = people.persons[contact.id]
    assert people.list_holding(person, person.addresses["phone1"], (), utcnow()) != ""
    with read_transaction(engine) as session:
        window, trunk = session.scalars(select(CallingWindow)).first(), session.scalars(select(Trunk)).first()
        assert window is not None
        assert trunk is not None
        rules = number_gate.rules_of(session, left.organization_id, window, trunk)
        verdict = number_gate.check_number(session, left.organization_id, traced.SECOND, rules, utcnow())
        assert not isinstance(verdict, Allowed)
        assert verdict.code == "IN_DNC_LIST"
        hits = dnc.blocked(session, left.organization_id, [("customer_id", traced.CUSTOMER), ("phone", "+12025550199")])
        assert [(hit.kind, hit.value) for hit in hits] == [("customer_id", traced.CUSTOMER)]
        found = dnc.list_entries(session, ROOT, own.id, search=traced.NUMBER)
    assert [entry.kind for entry in found] == ["erased"]


def test_lists_go_on_saying_what_they_said(engine: Engine, left: traced.Left, home: Path, tmp_path: Path) -> None:
    assert work(engine, home, ask(engine, "phone", traced.NUMBER, left.organization_id))
    with read_transaction(engine) as session:
        common = session.scalars(select(DncList).where(DncList.organization_id.is_(None))).one()
        kinds = session.execute(select(DncEntry.kind, func.count()).group_by(DncEntry.kind)).all()
        assert [kind for kind, _ in kinds] == ["erased"]
        other = session.scalar(select(func.count()).where(DncEntry.dnc_list_id == common.id))
        own = session.scalars(select(DncList).where(DncList.name == dnc.OWN_LIST)).one()
    assert other == 1
    file = tmp_path / "new.csv"
    file.write_text("value\n+12025550100\n")
    dnc_files.take_file(engine, ROOT, own.id, file, dnc_files.FileFields(action="replace"))
    with read_transaction(engine) as session:
        assert dnc.is_listed(session, left.organization_id, "phone", traced.NUMBER)
        with pytest.raises(Refused, match="only an erasure"):
            dnc.add(session, ROOT, [("erased", "x" * 40)], organization_id=left.organization_id)


def test_it_waits_for_what_is_under_way_and_for_servers_that_are_away(
    engine: Engine, left: traced.Left, home: Path
) -> None:
    with write_transaction(engine) as session:
        session.execute(update(Attempt).where(Attempt.id == left.attempt_id).values(state=AttemptState.IN_PROGRESS))
    number = ask(engine, "contact", str(left.contact_id))
    with read_transaction(engine) as session:  # at once, before any keeper
        row = session.scalars(select(JobContact).where(JobContact.contact_id == left.contact_id)).one()
        assert (row.state, row.final_code) == (JobContactState.DONE, "CONTACT_DELETED")
        assert dnc.is_listed(session, left.organization_id, "email", traced.EMAIL)
    assert not work(engine, home, number)
    assert "under way" in detail_of(engine, number)
    with write_transaction(engine) as session:
        session.execute(update(Attempt).where(Attempt.id == left.attempt_id).values(state=AttemptState.DONE))
    servers = Servers()
    servers.away = True
    assert not work(engine, home, number, servers)
    assert "does not answer" in detail_of(engine, number)
    assert traced.found_in_tables(engine) == []
    servers.away = False
    assert work(engine, home, number, servers)
    assert {call.attempt for call in servers.asked} == {left.attempt_id}
    assert not work(engine, home, number, servers)


def detail_of(engine: Engine, number: int) -> str:
    with read_transaction(engine) as session:
        return session.get_one(Erasure, number).detail


def test_without_the_secret_or_with_another_nobody_is_told_to_be_callable(
    engine: Engine, left: traced.Left, home: Path
) -> None:
    assert work(engine, home, ask(engine, "contact", str(left.contact_id)))
    pseudonyms.attach(engine, "another secret of the installation")
    with read_transaction(engine) as session, pytest.raises(ConfigError, match="another key"):
        dnc.blocked(session, left.organization_id, [("phone", "+12025550199")])
    engine.update_execution_options(clarion_pseudonyms=None)
    with read_transaction(engine) as session, pytest.raises(ConfigError, match="CLARION_SECRET_KEY"):
        dnc.blocked(session, left.organization_id, [("phone", "+12025550199")])
