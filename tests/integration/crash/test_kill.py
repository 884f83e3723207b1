"""`kill -9` of one process in the middle of a job, then restart: every contact is accounted for, nobody rung twice."""

from __future__ import annotations

import pytest

from tests.support.installation import ENGINE, MEDIASERVER, WEB

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_the_job_completes_when_nothing_is_killed(running) -> None:
    running.wait_until_completed()
    running.check_the_books()
    codes = running.accounts().attempts
    assert codes["OUTCOME_UNKNOWN"] == 0
    assert codes["CALL_BUSY"] == 10, "five busy contacts, each tried twice"
    assert codes["INVALID_NUMBER"] == 4
    assert codes["REJECTED_BY_USER"] == 4


def test_engine_killed_in_mid_job(running) -> None:
    running.wait_until_in_the_middle()
    running.clarion.kill(ENGINE)
    running.clarion.start(ENGINE)
    running.wait_until_completed()
    running.check_the_books()
    assert running.accounts().attempts["OUTCOME_UNKNOWN"] == 0, "the media server lived and knew every call"


def test_media_server_killed_in_mid_job(running) -> None:
    running.wait_until_in_the_middle()
    running.clarion.kill(MEDIASERVER)
    running.clarion.start(MEDIASERVER)
    running.wait_until_completed()
    running.check_the_books()
    assert running.accounts().attempts["OUTCOME_UNKNOWN"] >= 1, "the calls that were up cannot be known"


def test_web_killed_in_mid_job(running) -> None:
    running.wait_until_in_the_middle()
    running.clarion.kill(WEB)
    running.clarion.start(WEB)
    running.wait_until_completed()
    running.check_the_books()


def test_engine_and_media_server_killed_together(running) -> None:
    running.wait_until_in_the_middle()
    running.clarion.kill(ENGINE)
    running.clarion.kill(MEDIASERVER)
    running.clarion.start(MEDIASERVER, ENGINE)
    running.wait_until_completed()
    running.check_the_books()


@pytest.mark.postgres
def test_engine_killed_in_mid_job_on_postgres(running_on_postgres) -> None:
    running = running_on_postgres
    running.wait_until_in_the_middle()
    running.clarion.kill(ENGINE)
    running.clarion.start(ENGINE)
    running.wait_until_completed()
    running.check_the_books()
