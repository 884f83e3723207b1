"""A whole job on real processes: SIP, VoiceXML, keys, retries, SMS and email, to the last contact's code."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.db import make_engine, read_transaction
from app.models import Attempt, AttemptTrace, Contact
from simulators.carrier.journal import rings_by_attempt
from tests.support import campaigns
from tests.support.installation import CARRIER, ENGINE, MEDIASERVER, WEB, Installation, installation

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
CAMPAIGN = Path(__file__).parents[1] / "crash" / "campaign"
#: Presses a key after the prompt, barges in, busy twice, declines, does not exist, hangs up early; a machine.
AUDIENCE = ("34", "34", "36", "01", "03", "04", "13", "34", "15")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Engine, int]]:
    """A completed job; its processes still run."""
    home = tmp_path_factory.mktemp("installation")
    url = f"sqlite:///{home / 'clarion.db'}"
    with installation(home, url) as clarion:
        plan = campaigns.Plan(
            suffixes=AUDIENCE,
            script=CAMPAIGN / "visit.vxml",
            strategy=CAMPAIGN / "strategy.xml",
            trunk=clarion.at.carrier_sip,
            media_server=f"http://{clarion.at.control}",
            answer={"mode": "background", "on_machine": "hang_up"},
        )
        job_id = campaigns.start_job(url, plan)
        engine = make_engine(url)
        try:
            clarion.start(CARRIER, WEB, MEDIASERVER, ENGINE)
            clarion.wait_for(
                "the job to complete", lambda: campaigns.accounts(engine, job_id).state == "completed", 150
            )
            yield clarion, engine, job_id
        finally:
            engine.dispose()


def attempts_of(engine: Engine, external_id: str) -> list[Attempt]:
    """Without those that a busy machine's media server did not admit: they are made again."""
    with read_transaction(engine) as session:
        rows = session.scalars(
            select(Attempt)
            .join(Contact, Contact.id == Attempt.contact_id)
            .where(Contact.external_id == external_id, Attempt.completion_code != "NO_PORTS")
            .order_by(Attempt.number)
        ).all()
        session.expunge_all()
    return list(rows)


def codes_of(engine: Engine, external_id: str) -> list[tuple[str, str]]:
    return [(attempt.channel, attempt.completion_code) for attempt in attempts_of(engine, external_id)]


def inbox(clarion: Installation) -> str:
    with urllib.request.urlopen(f"http://{clarion.at.sinks}/", timeout=60) as answer:
        return str(answer.read().decode())


def test_every_contact_ends_with_a_code_and_the_codes_add_up(finished: tuple[Installation, Engine, int]) -> None:
    _, engine, job_id = finished
    accounts = campaigns.accounts(engine, job_id)
    assert accounts.audience == len(AUDIENCE)
    assert accounts.contacts == {"done": len(AUDIENCE)}
    assert "" not in accounts.final_codes
    assert accounts.reconciles


def test_a_key_pressed_on_the_phone_comes_back_as_the_scripts_result(
    finished: tuple[Installation, Engine, int],
) -> None:
    _, engine, _ = finished
    (attempt,) = attempts_of(engine, "P000")
    assert attempt.completion_code == "ANSWER_HUMAN"
    assert attempt.result is not None
    assert str(attempt.result["exit"]["answer"]) == "1"
    assert attempt.result["dtmf"] == "1"


def test_a_key_pressed_into_the_prompt_cuts_it_short(finished: tuple[Installation, Engine, int]) -> None:
    _, engine, _ = finished
    (attempt,) = attempts_of(engine, "P002")
    assert attempt.result is not None
    assert str(attempt.result["exit"]["answer"]) == "1"


def test_busy_is_tried_again_and_then_an_sms_is_sent(finished: tuple[Installation, Engine, int]) -> None:
    clarion, engine, _ = finished
    codes = codes_of(engine, "P003")
    assert codes[:2] == [("voice", "CALL_BUSY"), ("voice", "CALL_BUSY")]
    assert codes[2][0] == "sms"
    assert codes[2][1] in ("SMS_SENT", "SMS_DELIVERED")
    assert "Hello Name3, please call us back" in inbox(clarion)


def test_a_declined_call_is_followed_by_an_email(finished: tuple[Installation, Engine, int]) -> None:
    clarion, engine, _ = finished
    codes = codes_of(engine, "P004")
    assert codes[0] == ("voice", "REJECTED_BY_USER")
    assert codes[1][0] == "email"
    assert "patient4@example.org" in inbox(clarion)


def test_a_number_that_does_not_exist_is_not_tried_again(finished: tuple[Installation, Engine, int]) -> None:
    _, engine, _ = finished
    assert codes_of(engine, "P005") == [("voice", "INVALID_NUMBER")]


def test_a_machine_is_told_from_people_and_hung_up_on(finished: tuple[Installation, Engine, int]) -> None:
    _, engine, _ = finished
    attempt = attempts_of(engine, "P008")[0]
    assert attempt.completion_code == "ANSWER_MACHINE"
    assert attempt.result is not None
    assert attempt.result["answer"]["by"] == "machine"
    assert attempt.result["answer"]["start_of_speech"] < attempt.result["answer"]["classified"]


def test_one_ring_for_each_attempt(finished: tuple[Installation, Engine, int]) -> None:
    clarion, engine, job_id = finished
    rings = rings_by_attempt(clarion.journal)
    assert set(rings.values()) == {1}
    assert rings.keys() <= campaigns.voice_attempts(engine, job_id).keys()


def test_the_trace_shows_the_sip_ladder_and_the_script_with_the_number_masked(
    finished: tuple[Installation, Engine, int],
) -> None:
    _, engine, _ = finished
    (attempt,) = attempts_of(engine, "P000")
    with read_transaction(engine) as session:
        steps = session.get_one(AttemptTrace, attempt.id).steps
    text = "\n".join(step["text"] for step in steps)
    assert {step["kind"] for step in steps} == {"sip", "vxml"}
    assert "INVITE" in text
    assert attempt.address not in text


def test_no_log_holds_a_whole_phone_number(finished: tuple[Installation, Engine, int]) -> None:
    clarion, _, _ = finished
    for role in (WEB, MEDIASERVER, ENGINE):
        found = re.findall(r"\+1\d{3}55501\d\d", clarion.log(role).read_text(encoding="utf-8", errors="replace"))
        assert not found, f"{role} logs {found[0]}"


def test_the_media_server_sets_its_start_up_aside_from_the_collector_and_tells_how_late_its_loop_is(
    finished: tuple[Installation, Engine, int],
) -> None:
    clarion, _, _ = finished
    with urllib.request.urlopen(f"http://{clarion.at.control}/metrics", timeout=60) as answer:
        told = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    prefix = "clarion_mediaserver_"
    assert float(told[f"{prefix}gc_frozen_objects"]) > 10_000
    looks = float(told[f'{prefix}loop_lateness_seconds_bucket{{le="+Inf"}}'])
    assert looks == float(told[f"{prefix}loop_lateness_seconds_count"]) > 20
