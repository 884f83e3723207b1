"""`clarion call --classify` against the simulated carrier's people, machines and network tones. All calls at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from common.classification import AnswerRules, Mode
from common.control import CallRequest, DialogResult, Trunk
from mediaserver.local import LocalServer
from simulators.carrier.agent import Carrier, CarrierSettings
from tests.support.media_server import keep_open
from tests.support.stillness import stillness

pytestmark = [pytest.mark.asyncio, pytest.mark.integration, pytest.mark.timeout(300)]
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


@dataclass(frozen=True)
class Seen:
    """What the command printed of a call, what its far end told of it, and for how long one of them stood still."""

    printed: dict[str, Any]
    far_end: dict[str, Any]
    stood_still: float

    def result(self, name: str) -> tuple[str, str | None, bool]:
        """The completion code, what `answered_by` said, and whether the machine was talked to before it was known."""
        talked_over = self.far_end["rtp"]["talked_over_ms"] > 0 and name.startswith("machine, message")
        return self.printed["completion_code"], self.printed["exit"].get("who"), talked_over


def expected(name: str) -> tuple[str, str | None, bool]:
    *_, code, said = CALLS[name]
    return code, said, name == "machine, message meanwhile"


async def seen_call(script: Path, name: str) -> Seen:
    async with Carrier(CarrierSettings(port=0)) as carrier, stillness() as still:
        printed = await clarion_call(carrier, script, name)
        (far_end,) = carrier.recent
    return Seen(printed, far_end, max(still.longest, far_end["rtp"]["longest_gap_ms"] / 1000))


async def test_who_answers_decides_what_is_said_and_when(tmp_path: Path) -> None:
    script = tmp_path / "message.vxml"
    script.write_text(SCRIPT)
    turn = asyncio.Semaphore(3)
    seen: dict[str, Seen] = {}

    async def call(name: str) -> None:
        async with turn:
            for _ in range(4):
                seen[name] = await seen_call(script, name)
                # Where one side stood still, the other heard a pause that nobody made.
                if seen[name].result(name) == expected(name) or seen[name].stood_still < 0.1:
                    break

    await asyncio.gather(*map(call, CALLS))

    assert {name: one.result(name) for name, one in seen.items()} == {name: expected(name) for name in CALLS}
    for name in ("machine, message", "machine, message meanwhile", "machine that pauses"):
        message = seen[name].printed["times"]
        # What comes late, on a busy machine, is all of one moment.
        assert message["answered"] <= message["start_of_speech"] <= message["classified"] <= message["greeting_end"], (
            name
        )
        assert message["greeting_end"] <= message["beep"] <= message["message"] < message["ended"], name
    corrected = seen["machine that pauses"].printed["times"]
    assert corrected["classified"] <= corrected["corrected"] <= corrected["beep"]
    assert all(
        seen[name].far_end["rtp"]["loud_ms"] > 1000 for name in ("machine, message", "machine, message meanwhile")
    )


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
            for number in range(4):
                async with stillness() as still:
                    again = await server.call(replace(requests[1], attempt_id=f"second-{number}", answer=rules))
                # Where the machine stood still, it paused as a person does.
                if again.answered_by == "machine" or still.longest < 0.1:
                    break
    assert (lost.dialog, lost.answered_by, dict(lost.exit)) == (DialogResult.COMPLETED, "", {"who": "human"})
    assert again.answered_by == "machine"
