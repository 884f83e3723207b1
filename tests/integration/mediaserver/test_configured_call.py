"""`clarion call` and `clarion load` over a trunk of the database: nobody is rung whom the gate protects."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Engine, select

from app.core.calendars import WEEKDAYS
from app.db import make_engine, read_transaction, write_transaction
from app.models import AuditEntry, CallingWindow, DncEntry, Organization, Trunk
from app.security.access import Actor
from app.services import dnc
from common.clock import utcnow
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.journal import read_journal

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(120)]

SCRIPT = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><field name="key" type="digits?length=1">
<prompt>Hello. Press one.</prompt><filled><var name="completion_code" expr="'AGENT_DNC'"/>
<exit namelist="key completion_code"/></filled><noinput><exit/></noinput></field></form></vxml>"""
#: Their last two digits make them press 1.
ANNA, BO = "+12125550134", "+12135550134"


@pytest.fixture
def database(sqlite_url: str) -> Engine:
    return make_engine(sqlite_url)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "rings.jsonl"


@pytest_asyncio.fixture
async def carrier(journal: Path, database: Engine) -> AsyncIterator[Carrier]:
    """A far end that two trunks lead to: Simulated, and Real, which is not marked as simulated."""
    async with Carrier(CarrierSettings(port=0, journal=journal)) as made:
        with write_transaction(database) as session:
            organization = Organization(name="Test", created_at=utcnow())
            session.add(organization)
            session.flush()
            other_day = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
            for name, hours in {
                "Daily": {day: [["00:00", "12:00"], ["12:00", "00:00"]] for day in WEEKDAYS},
                "Another day": {other_day: [["10:00", "11:00"]]},
            }.items():
                session.add(CallingWindow(organization_id=organization.id, name=name, hours=hours))
            session.add(CallingWindow(organization_id=organization.id, name="Always", hours={}, always_open=True))
            for name in ("Simulated", "Real"):
                session.add(Trunk(name=name, host="127.0.0.1", port=made.port, simulated=name == "Simulated"))
        yield made


async def clarion(database: Engine, directory: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    script = directory / "hello.vxml"
    script.write_text(SCRIPT)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments, "--script", str(script), "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "CLARION_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "CLARION_HOME": str(directory / "home"),
        },
    )
    printed, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(printed) if printed else {}, said.decode()


def rung(journal: Path) -> list[str]:
    return [line["number"] for line in read_journal(journal) if line["event"] == "ring"]


async def test_a_call_passes_the_gate_and_leaves_an_audit_entry(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path
) -> None:
    code, outcome, _ = await clarion(database, tmp_path, "call", ANNA, "--trunk", "Simulated", "--window", "Always")
    assert (code, outcome["completion_code"], outcome["dtmf"]) == (0, "ANSWER_HUMAN", "1")
    assert rung(journal) == [ANNA]
    with read_transaction(database) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "call.place")).one()
        # Nobody is behind the simulated carrier: what it "said" lists no one.
        assert session.scalars(select(DncEntry)).all() == []
    assert ANNA not in repr(entry.after)


@pytest.mark.parametrize("common", [False, True])
async def test_a_listed_number_is_refused_and_never_rung(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path, common: bool
) -> None:
    with write_transaction(database) as session:
        actor = Actor.system()
        listed = dnc.create_dnc_list(session, actor, "List", common=common)
        dnc.add(session, actor, [("phone", ANNA)], dnc_list_id=listed.id)
    code, outcome, _ = await clarion(database, tmp_path, "call", ANNA, "--trunk", "Simulated", "--window", "Always")
    assert (code, outcome["completion_code"], outcome["disposition"]) == (1, "IN_DNC_LIST", None)
    assert rung(journal) == []


async def test_outside_the_window_it_says_until_when(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path
) -> None:
    options = ("--trunk", "Real", "--window", "Another day", "--sender", "+12125550100")
    code, outcome, _ = await clarion(database, tmp_path, "call", ANNA, *options)
    assert (code, outcome["completion_code"]) == (1, "RESTRICTED_TIME")
    assert datetime.fromisoformat(outcome["until"]) > utcnow()
    options = ("--trunk", "Real", "--window", "Always", "--sender", "+12125550100")
    code, outcome, _ = await clarion(database, tmp_path, "call", ANNA, *options)
    assert (code, outcome["completion_code"]) == (1, "RESTRICTED_RULE")
    assert rung(journal) == []


async def test_on_a_real_trunk_the_persons_wish_is_kept(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path
) -> None:
    options = ("call", ANNA, "--trunk", "Real", "--window", "Daily", "--sender", "+12125550100")
    assert (await clarion(database, tmp_path, *options))[0] == 0
    code, outcome, _ = await clarion(database, tmp_path, *options)
    assert (code, outcome["completion_code"]) == (1, "IN_DNC_LIST")
    assert rung(journal) == [ANNA]


async def test_a_load_asks_the_gate_for_each_number(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path
) -> None:
    with write_transaction(database) as session:
        dnc.add(session, Actor.system(), [("phone", "+12125550134")])
    options = ("--trunk", "Simulated", "--window", "Always", "--numbers", "+1212555{:02d}34", "--calls", "3")
    code, report, _ = await clarion(database, tmp_path, "load", *options)
    assert (code, report["completion_code"]) == (1, {"ANSWER_HUMAN": 2, "IN_DNC_LIST": 1})
    assert "+12125550134" not in rung(journal)
    code, _, said = await clarion(database, tmp_path, "load", *options, "--rate", "400")
    assert code == 2
    assert "--rate" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--trunk", "Nowhere", "--window", "Always"), "--trunk 'Nowhere'"),
        (("--trunk", "Simulated"), "--window"),
        (("--trunk", "Simulated", "--window", "Never"), "--window 'Never'"),
        (("--trunk", "Simulated", "--organization", "Nobody"), "Nobody"),
        (("--trunk", "Simulated", "--window", "Always", "--auth", "me"), "--auth"),
        (("--trunk", "Real", "--window", "Daily"), "--sender"),
    ],
)
async def test_what_is_not_there_is_wrong_use(
    carrier: Carrier, database: Engine, tmp_path: Path, journal: Path, options: tuple[str, ...], words: str
) -> None:
    code, _, said = await clarion(database, tmp_path, "call", ANNA, *options)
    assert code in (1, 2)
    assert words in said
    assert rung(journal) == []
