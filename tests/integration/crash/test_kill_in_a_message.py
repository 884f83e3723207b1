"""`kill -9` of the engine while messages are between its commit and the provider's answer: some the provider has
taken, some it has not. Restarted, everybody is accounted for, and nobody is written to twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.db import read_transaction, write_transaction
from app.models import Attempt, Contact
from simulators.carrier.journal import read_journal
from tests.integration.crash.conftest import Running, start
from tests.support.installation import ENGINE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

#: Two that the provider holds before taking them, two that it takes and answers late, and two without trouble.
PHONES = ("12", "12", "14", "14", "40", "41")
MAILBOXES = ("hold1", "hold2", "slow1", "slow2")
IN_HAND = {"sms_held": 2, "mail_held": 2}
TAKEN = {"sms": 4, "mail": 2}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    url = f"sqlite:///{tmp_path / 'clarion.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    yield from start(tmp_path, url, PHONES, MAILBOXES, "messages.xml")


def _journal(running: Running) -> Counter[str]:
    return Counter(str(line["event"]) for line in read_journal(running.clarion.journal))


def _attempts(running: Running) -> list[Attempt]:
    with read_transaction(running.engine) as session:
        rows = session.scalars(select(Attempt).order_by(Attempt.started_at)).all()
        session.expunge_all()
    return list(rows)


def test_nobody_is_written_to_twice_when_the_engine_dies_in_the_middle_of_sending(running: Running) -> None:
    running.clarion.wait_for("the provider to have all in hand", lambda: dict(_journal(running)) == IN_HAND | TAKEN, 60)
    running.clarion.kill(ENGINE)
    cut_off = {row.address for row in _attempts(running) if row.state == "in_progress"}
    late = {address for address in cut_off if address.endswith(("12", "14")) or address.startswith(("hold", "slow"))}
    assert len(late) == 8, "killed too late: some answers had come"
    with write_transaction(running.engine) as session:
        # A text made anew would not be the one that left.
        session.execute(update(Contact).values(first_name="Changed"))
        # As if it were started a minute later: the providers may be believed that they never got what they do not have.
        for row in session.scalars(select(Attempt).where(Attempt.state == "in_progress")):
            row.started_at -= timedelta(minutes=1)
    running.clarion.start(ENGINE)
    running.wait_until_completed()
    running.check_the_books()

    codes = {
        address: [row.completion_code for row in _attempts(running) if row.address == address] for address in cut_off
    }
    for address, found in codes.items():
        if address.startswith(("hold", "slow")):
            assert found == ["OUTCOME_UNKNOWN"], "a mail server cannot be asked"
        elif address.endswith("12"):
            assert found[0] == "NO_PORTS", "the provider never got it"
            assert found[1:] in (["SMS_SENT"], ["SMS_DELIVERED"]), "and so it was sent"
        else:
            assert found in (["SMS_SENT"], ["SMS_DELIVERED"]), "found by asking the provider"
    sent = _journal(running)
    assert (sent["sms"], sent["mail"]) == (6, 2)
