"""What is older than its kind is kept goes once a day; a rule's window is never shortened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select, update

from app.core.retention import FLOORS, Kept, checked, floor_of
from app.db import read_transaction, write_transaction
from app.models import (
    Address,
    Attempt,
    AttemptTrace,
    AuditEntry,
    ConsentEvent,
    Contact,
    ContactChange,
    ContactExclusion,
    DncEntry,
    ImportReject,
    ImportRun,
    Job,
    RetentionRule,
)
from app.security import pseudonyms
from app.security.access import Actor
from app.services import privacy
from app.services.privacy import retention, stores
from common.clock import utcnow
from common.errors import Refused, RemoteError
from tests.support import traced_person as traced
from tests.support.job_rows import make_job

ROOT = Actor.system()


class Servers:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False

    def forget(self, calls: Sequence[stores.PastCall]) -> dict[str, int]:
        if self.away:
            raise RemoteError("away")
        self.asked += [call.attempt for call in calls]
        return {"recordings": len(calls)}

    def recordings(self, calls: Sequence[stores.PastCall]) -> Iterator[tuple[str, bytes]]:
        yield from ()


@pytest.fixture
def left(engine: Engine, tmp_path: Path) -> traced.Left:
    """A person whose call is 100 days old; the message is of today."""
    pseudonyms.attach(engine, "tests only secret key")
    left = traced.leave(engine, make_job(engine, 2), tmp_path / "state", "ms-1")
    old = utcnow() - timedelta(days=100)
    with write_transaction(engine) as session:
        whole = update(Attempt).where(Attempt.id == left.attempt_id)
        session.execute(whole.values(started_at=old, answered_at=old, ended_at=old))
        session.execute(update(ImportRun).values(ended_at=old))
        session.execute(update(AuditEntry).values(at=utcnow() - timedelta(days=2000)))
        session.execute(update(Contact).values(created_at=old, updated_at=old))
    for folder, moment in (("processed", old), ("failed", old), ("processed", utcnow())):
        drop = tmp_path / "state" / "drop" / str(left.organization_id) / "in" / folder
        drop.mkdir(parents=True, exist_ok=True)
        (drop / f"{moment:%Y%m%dT%H%M%S.%f}-people.csv").write_text("id,phone")
    return left


@pytest.fixture
def files(tmp_path: Path) -> stores.StateFiles:
    return stores.StateFiles(tmp_path / "state")


def keep(engine: Engine, days: int = 99, kinds: Sequence[Kept] = tuple(Kept)) -> None:
    with write_transaction(engine) as session:
        for kind in kinds:
            privacy.set_rule(session, ROOT, kind, 1999 if kind is Kept.AUDIT else days)


def test_old_data_goes_and_young_data_stays(engine: Engine, left: traced.Left, files: stores.StateFiles) -> None:
    keep(engine)
    with read_transaction(engine) as session:
        counts = privacy.preview_purge(session, ROOT, utcnow(), files=files)
        audited = session.scalar(
            select(func.count()).where(
                AuditEntry.at < utcnow() - timedelta(days=1999), AuditEntry.organization_id.is_not(None)
            )
        )
    assert counts == {
        Kept.TRACES: 1, Kept.ATTEMPTS: 1, Kept.RECORDINGS: 1, Kept.REJECTS: 3, Kept.AUDIT: audited, Kept.FILES: 4,
        Kept.CONTACTS: 2,
    }  # fmt: skip
    servers = Servers()
    assert retention.purge_due(engine, servers, files) == len(Kept)
    assert retention.purge_due(engine, servers, files) == 0  # once a day
    assert servers.asked == [left.attempt_id]
    with read_transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(AttemptTrace)) == 0
        assert session.scalar(select(func.count()).select_from(ImportReject)) == 0
        call = session.get_one(Attempt, left.attempt_id)
        assert (call.address, call.completion_code) == ("", "ANSWER_HUMAN")
        assert session.scalar(select(Attempt.address).where(Attempt.channel == "email")) == traced.EMAIL
        assert set(privacy.preview_purge(session, ROOT, utcnow(), files=files).values()) == {0}
        # Whom a running job has stays, and so does what lay there for a moment only.
        assert session.get(Contact, left.contact_id) is not None
        assert session.get(Contact, left.twin_id) is None
        assert len(files.older(left.organization_id, utcnow())) == 1
        told = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "retention.purge")).all()
    assert {row["kind"] for row in told if row} == {kind.value for kind in Kept}


def test_a_server_that_is_away_keeps_its_recordings_for_the_next_time(
    engine: Engine, left: traced.Left, files: stores.StateFiles
) -> None:
    keep(engine, kinds=[Kept.RECORDINGS])
    servers = Servers()
    servers.away = True
    assert retention.purge_due(engine, servers, files) == 0
    servers.away = False
    assert retention.purge_due(engine, servers, files) == 0  # the lease of the first try
    with write_transaction(engine) as session:
        session.execute(update(RetentionRule).values(lease_until=None))
    assert retention.purge_due(engine, servers, files) == 1
    assert servers.asked == [left.attempt_id]


def test_a_window_of_a_rule_is_never_shortened(engine: Engine) -> None:
    make_job(engine, 1)
    for kind, floors in FLOORS.items():
        longest = floor_of(kind)
        assert longest is not None
        for floor in floors:
            with pytest.raises(Refused, match="at least"):
                checked(kind, floor.days - 1)
        assert checked(kind, longest.days) == longest.days
    with write_transaction(engine) as session, pytest.raises(Refused, match=r"attempts: keep it for 60 days .*France"):
        privacy.set_rule(session, ROOT, "attempts", 59)
    with write_transaction(engine) as session:
        privacy.set_rule(session, ROOT, "attempts", 60)
        privacy.set_rule(session, ROOT, "attempts", None)
        assert privacy.list_rules(session, ROOT) == {}


def test_a_contact_is_unused_when_nothing_has_concerned_it(
    engine: Engine, left: traced.Left, files: stores.StateFiles
) -> None:
    def would_go() -> int:
        with read_transaction(engine) as session:
            return privacy.preview_purge(session, ROOT, utcnow(), wanted={Kept.CONTACTS: 90})[Kept.CONTACTS]

    young = utcnow() - timedelta(days=10)
    assert would_go() == 2
    for column in ("created_at", "updated_at", "last_attempt_at"):
        with write_transaction(engine) as session:
            session.execute(update(Contact).where(Contact.id == left.twin_id).values({column: young}))
        assert would_go() == 1
        with write_transaction(engine) as session:
            aged = utcnow() - timedelta(days=100)
            session.execute(update(Contact).where(Contact.id == left.twin_id).values({column: aged}))
    with write_transaction(engine) as session:
        session.execute(update(Job).values(state="completed"))
    assert would_go() == 5
    keep(engine, 90, [Kept.CONTACTS])
    assert retention.purge_due(engine, Servers(), files) == 1
    assert would_go() == 0
    with read_transaction(engine) as session:
        # What jobs count stays as a row that names nobody; attempts keep the address that rules need.
        shell = session.get_one(Contact, left.contact_id)
        assert (shell.first_name, shell.external_id, shell.attributes) == ("", f"erased-{shell.id}", {})
        assert session.scalar(select(func.count()).select_from(Address)) == 0
        assert session.scalar(select(func.count()).select_from(ContactChange)) == 0
        assert session.get_one(Attempt, left.attempt_id).address == traced.NUMBER
        assert session.scalar(select(func.count()).select_from(DncEntry)) > 0
        assert session.scalar(select(func.count()).select_from(ConsentEvent)) > 0


def test_a_contact_that_is_excluded_from_calling_stays_until_it_is_reset(
    engine: Engine, left: traced.Left, files: stores.StateFiles
) -> None:
    mark = {"organization_id": left.organization_id, "contact_id": left.twin_id, "at": utcnow() - timedelta(days=400)}
    with write_transaction(engine) as session:
        session.add(ContactExclusion(campaign_id=None, **mark))
    keep(engine, 90, [Kept.CONTACTS])
    with read_transaction(engine) as session:
        assert privacy.preview_purge(session, ROOT, utcnow())[Kept.CONTACTS] == 1
    assert retention.purge_due(engine, Servers(), files) == 1
    with write_transaction(engine) as session:
        assert session.get(Contact, left.twin_id) is not None
        session.execute(delete(ContactExclusion))
        assert privacy.preview_purge(session, ROOT, utcnow())[Kept.CONTACTS] == 1


def test_what_days_would_take_is_told_before_they_are_kept_and_never_under_a_floor(
    engine: Engine, left: traced.Left, files: stores.StateFiles
) -> None:
    with read_transaction(engine) as session:
        wanted = {Kept.FILES: 50, Kept.TRACES: 200}
        told = privacy.preview_purge(session, ROOT, utcnow(), files=files, wanted=wanted)
        assert told == {Kept.FILES: 4, Kept.TRACES: 0}
        assert privacy.list_rules(session, ROOT) == {}
        with pytest.raises(Refused, match="contacts: keep it for 60 days"):
            privacy.preview_purge(session, ROOT, utcnow(), wanted={Kept.CONTACTS: 59})
