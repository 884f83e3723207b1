"""`clarion call --classify` against the simulated carrier's people, machines and network tones. All calls at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.classification import AnswerRules, Mode
from common.control import CallRequest, DialogResult, Trunk
from mediaserver.local import LocalServer
from simulators.carrier.agent import Carrier, CarrierSettings
from tests.support.media_server import keep_open

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(150)]
SCRIPT = """<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>
<prompt>This is a message for you. Good bye.</prompt>
<var name="who" expr="session.connection.ccxml.values.answered_by"/><exit namelist="who"/></block></form></vxml>"""

#: Whom to call, how, the completion code, and what `answered_by` says in the script.
CALLS = {
    "machine, message": ("sip:machine", "before", "leave_message", "ANSWER_MACHINE_MSG_LEFT", "machine"),
    "machine, message meanwhile": ("sip:machine", "background", "leave_message", "ANSWER_MACHINE_MSG_LEFT", "machine"),
    "machine without a beep": ("sip:machine-no-beep", "before", "leave_message", "ANSWER_MACHINE_MSG_LEFT", "machine"),
    "machine that pauses": ("sip:machine-pauses", "before", "leave_message", "ANSWER_MACHINE_MSG_LEFT", "machine"),
    "machine, hung up": ("sip:machine", "before", "hang_up", "ANSWER_MACHINE", None),
    "person": ("sip:says-hello", "before", "hang_up", "ANSWER_HUMAN", "human"),
    "busy tone": ("sip:busy-tone", "before", "hang_up", "CALL_BUSY", None),
    "fast busy": ("sip:reorder-tone", "before", "hang_up", "FAST_BUSY", None),
    "vacant code": ("sip:vacant-tone", "background", "hang_up", "INVALID_NUMBER", None),
}


async def clarion_call(carrier: Carrier, script: Path, name: str) -> dict[str, Any]:
    number, mode, on_machine, *_ = CALLS[name]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "call", f"{number}@127.0.0.1:{carrier.port}"),
        *("--trunk", f"127.0.0.1:{carrier.port}", "--script", str(script), "--json"),
        *("--classify", mode, "--on-machine", on_machine),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    outcome: dict[str, Any] = json.loads(printed)
    return outcome


async def test_who_answers_decides_what_is_said_and_when(tmp_path: Path) -> None:
    script, journal = tmp_path / "message.vxml", tmp_path / "rings.jsonl"
    script.write_text(SCRIPT)
    names, turn = list(CALLS), asyncio.Semaphore(3)
    outcomes: dict[str, dict[str, Any]] = {}

    async def call(name: str) -> None:
        async with turn:
            outcomes[name] = await clarion_call(carrier, script, name)

    async with Carrier(CarrierSettings(port=0, journal=journal)) as carrier:
        await asyncio.gather(*map(call, names))
    ends = {one["attempt"]: one for one in map(json.loads, journal.read_text().splitlines()) if one["event"] == "end"}

    for name, (*_, code, said) in CALLS.items():
        assert (name, outcomes[name]["completion_code"]) == (name, code)
        assert (name, outcomes[name]["exit"].get("who")) == (name, said)
    for name in ("machine, message", "machine, message meanwhile", "machine that pauses"):
        message = outcomes[name]["times"]
        # What comes late, on a busy machine, is all of one moment.
        assert message["answered"] <= message["start_of_speech"] <= message["classified"] <= message["greeting_end"], (
            name
        )
        assert message["greeting_end"] <= message["beep"] <= message["message"] < message["ended"], name
    corrected = outcomes["machine that pauses"]["times"]
    assert corrected["classified"] <= corrected["corrected"] <= corrected["beep"]
    by_behaviour = [one["rtp"] for one in ends.values() if one["behaviour"] == "machine" and one["rtp"]["loud_ms"]]
    # One machine was talked to before it was known; the other heard its message alone, after its beep.
    assert sorted(rtp["talked_over_ms"] > 0 for rtp in by_behaviour) == [False, True]
    assert all(rtp["loud_ms"] > 1000 for rtp in by_behaviour)


async def test_calls_go_on_as_with_people_when_the_classification_process_dies(tmp_path: Path) -> None:
    script = tmp_path / "message.vxml"
    script.write_text(SCRIPT)
    rules = AnswerRules(Mode.BEFORE)
    async with Carrier(CarrierSettings(port=0)) as carrier:
        trunk = Trunk("127.0.0.1", carrier.port)
        server = LocalServer(host="127.0.0.1", line="native", allow=(tmp_path.as_uri() + "/",), max_calls=2)
        async with server:
            keep_open(server.board)
            requests = [
                CallRequest(name, f"sip:machine@127.0.0.1:{carrier.port}", "+15550100000", trunk, script.as_uri())
                for name in ("first", "second")
            ]
            first = asyncio.create_task(server.call(replace(requests[0], answer=rules)))
            seq = 0
            while (status := server.board.status("first")) is None or status.state != "answered":
                await server.board.events.wait(seq)
                seq, _ = server.board.events.after(seq)
            pid = server.board.classification.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            lost = await first
            again = await server.call(replace(requests[1], answer=rules))
    assert (lost.dialog, lost.answered_by, dict(lost.exit)) == (DialogResult.COMPLETED, "", {"who": "human"})
    assert again.answered_by == "machine"
