"""A campaign on a whole installation of real processes, and the accounts that must balance whatever is killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.db import make_engine, read_transaction
from app.models import Job
from simulators.carrier.journal import read_journal, rings_by_attempt
from tests.support import campaigns
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, Installation, installation

CAMPAIGN = Path(__file__).parent / "campaign"
#: One contact each: most talk (34 presses a key), some are busy (01), decline (03), hang up (13) or do not exist (04).
AUDIENCE = ("34",) * 14 + ("36",) * 8 + ("01",) * 5 + ("03",) * 4 + ("13",) * 5 + ("04",) * 4


@dataclass(slots=True)
class Running:
    """A job under way."""

    clarion: Installation
    engine: Engine
    job_id: int
    contacts: int

    def accounts(self) -> campaigns.Accounts:
        return campaigns.accounts(self.engine, self.job_id)

    def state(self) -> str:
        with read_transaction(self.engine) as session:
            return session.get_one(Job, self.job_id).state

    def wait_until_in_the_middle(self) -> None:
        """Some attempts have ended, some calls are up, and there is more to do."""
        self.clarion.wait_for(
            "the middle of the job",
            lambda: (now := self.accounts()).attempts.total() >= 6 and now.in_progress >= 3,
            60,
        )

    def wait_until_completed(self, seconds: float = 150) -> campaigns.Accounts:
        self.clarion.wait_for("the job to complete", lambda: self.state() == "completed", seconds)
        return self.accounts()

    def assert_every_contact_is_accounted_for(self) -> None:
        now = self.accounts()
        assert now.audience == self.contacts
        assert now.contacts == {"done": self.contacts}
        assert now.final_codes.total() == self.contacts
        assert "" not in now.final_codes
        assert now.in_progress == 0
        assert "ATTEMPT_IN_PROGRESS" not in now.attempts
        assert now.reconciles

    def assert_nobody_was_rung_twice_for_one_attempt(self) -> None:
        rings = rings_by_attempt(self.clarion.journal)
        assert "" not in rings, "an INVITE came without its attempt id"
        assert {attempt: count for attempt, count in rings.items() if count > 1} == {}
        unknown = rings.keys() - campaigns.voice_attempts(self.engine, self.job_id).keys()
        assert not unknown, "rung for attempts that are not in the database"

    def assert_nobody_was_written_to_twice(self) -> None:
        """The campaign writes one SMS or one email to a contact at most."""
        lines = [line for line in read_journal(self.clarion.journal) if line["event"] in ("sms", "mail")]
        sent = Counter(str(line["to"]) for line in lines)
        assert {to: count for to, count in sent.items() if count > 1} == {}
        codes = self.accounts().attempts
        unknown = codes["OUTCOME_UNKNOWN"]
        known = codes["SMS_SENT"] + codes["SMS_DELIVERED"] + codes["EMAIL_SENT"] + codes["EMAIL_DELIVERED"]
        assert known <= len(lines) <= known + unknown

    def assert_no_capacity_is_held(self) -> None:
        status = self.clarion.get_json(f"http://{self.clarion.at.control}/v1/status")
        assert isinstance(status, dict)
        assert status["calls"] == 0

    def check_the_books(self) -> None:
        self.assert_every_contact_is_accounted_for()
        self.assert_nobody_was_rung_twice_for_one_attempt()
        self.assert_nobody_was_written_to_twice()
        self.assert_no_capacity_is_held()


def start(
    home: Path,
    database_url: str,
    suffixes: Sequence[str] = AUDIENCE,
    mailboxes: Sequence[str] = (),
    strategy: str = "strategy.xml",
) -> Iterator[Running]:
    with installation(home, database_url) as clarion:
        plan = campaigns.Plan(
            suffixes=suffixes,
            mailboxes=mailboxes,
            script=CAMPAIGN / "visit.vxml",
            strategy=CAMPAIGN / strategy,
            trunk=clarion.at.carrier_sip,
            media_server=f"http://{clarion.at.control}",
            ports=16,
        )
        job_id = campaigns.start_job(database_url, plan)
        engine = make_engine(database_url)
        try:
            clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE)
            yield Running(clarion, engine, job_id, len(suffixes) + len(mailboxes))
        finally:
            engine.dispose()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A job of 40 contacts under way on SQLite."""
    yield from start(tmp_path, f"sqlite:///{tmp_path / 'clarion.db'}")


@pytest.fixture
def running_on_postgres(tmp_path: Path, postgres_url: str) -> Iterator[Running]:
    """The same on PostgreSQL."""
    yield from start(tmp_path, postgres_url)
