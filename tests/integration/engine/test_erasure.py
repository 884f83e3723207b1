"""Somebody is erased while they are on the line: the engine hangs up, and the keeper takes the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from app.db import write_transaction
from app.security import pseudonyms
from app.security.access import Actor
from app.security.secrets import Vault
from app.services import privacy
from app.services.privacy import erasure, stores
from channels.voice.memory import Ending
from common.control import Disposition
from tests.integration.engine.conftest import CALL_ONLY, SECRET, House
from tests.support.job_rows import make_job

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

Play = Callable[[Callable[[House], Awaitable[None]]], None]
ROOT, VAULT = Actor.system(), Vault(SECRET)


class NoServers:
    def forget(self, calls: object) -> dict[str, int]:
        return {}

    def recordings(self, calls: object) -> Iterator[tuple[str, bytes]]:
        yield from ()


def test_a_call_under_way_is_ended_and_a_waiting_contact_is_not_called(play: Play, tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        pseudonyms.attach(house.database, SECRET)
        house.server.behave = lambda _request: Ending(Disposition.ANSWERED, seconds=60)
        make_job(house.database, 2, strategy_xml=CALL_ONLY)
        house.start()
        await house.until(lambda: len(house.sql("SELECT id FROM attempt WHERE answered_at IS NOT NULL")) == 2)
        with write_transaction(house.database) as session:
            person = privacy.find_person(session, ROOT, "phone", "+12025550001")
            number = privacy.request_erasure(session, ROOT, VAULT, person).id
        keeper = (house.database, VAULT, number, stores.StateFiles(tmp_path), NoServers())
        while not await asyncio.to_thread(erasure.advance, *keeper):
            await asyncio.sleep(0.1)
        rows = house.sql("SELECT state, address, completion_code FROM attempt ORDER BY number, contact_id")
        assert [tuple(row[:2]) for row in rows] == [("done", ""), ("in_progress", "+12025550002")]
        assert rows[0][2] != "ATTEMPT_IN_PROGRESS"
        people = house.sql("SELECT first_name, external_id FROM contact ORDER BY id")
        assert people[0][1].startswith("erased-")
        assert people[1][1] == "2"

    play(scenario)
