"""`clarion call` as an operator runs it, against SIPp and baresip. All calls are made once, some side by side."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.baresip import baresip
from tests.support.sipp import Sipp, in_one_piece

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
VXML = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{}</form></vxml>'
SCRIPTS = {
    "exit": VXML.format('<block><var name="said" expr="\'bye\'"/><exit namelist="said"/></block>'),
    "listen": VXML.format('<field name="key" type="digits"><property name="timeout" value="60s"/></field>'),
}
#: T1 of 80 ms: a call that nobody answers is given up after 5.1 s instead of 32; a machine stands still for less.
T1 = "0.08"
#: How many calls run at a time: each is a program of its own that starts another.
AT_ONCE = 4
PATIENCE = 90


@dataclass(frozen=True)
class Seen:
    """What the command printed, its exit status, and what the far end complains of."""

    status: int
    printed: dict[str, Any]
    complaints: str

    def outcome(self) -> tuple[int, str, str, int | None]:
        body = self.printed
        return self.status, body["completion_code"], body["disposition"], body["sip_status"]


async def clarion_call(number: str, port: int, folder: Path, script: str, *more: str) -> tuple[int, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "call", number, "--trunk", f"127.0.0.1:{port}"),
        *("--script", str(folder / f"{script}.vxml"), "--json", "--left", "--t1", T1, *more),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(printed)


class FarEnd:
    """Where to call, and what it says afterwards."""

    def __init__(self, port: int, sipp: Sipp | None = None) -> None:
        self.port = port
        self._sipp = sipp

    async def complaints(self) -> str:
        return "" if self._sipp is None else await self._sipp.wait()


def sipp(scenario: str, status: int = 486) -> Callable[[], AbstractAsyncContextManager[FarEnd]]:
    @asynccontextmanager
    async def far_end() -> AsyncIterator[FarEnd]:
        running = await Sipp.start(scenario, status=status, patience=PATIENCE)
        try:
            yield FarEnd(running.port, running)
        finally:
            running.kill()

    return far_end


def telephone(*, answers: bool) -> Callable[[], AbstractAsyncContextManager[FarEnd]]:
    @asynccontextmanager
    async def far_end() -> AsyncIterator[FarEnd]:
        async with baresip(answers) as phone:
            yield FarEnd(phone.port)

    return far_end


@asynccontextmanager
async def nobody() -> AsyncIterator[FarEnd]:
    """A port that takes packets and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield FarEnd(silent.getsockname()[1])


@dataclass(frozen=True)
class Case:
    far_end: Callable[[], AbstractAsyncContextManager[FarEnd]]
    #: Exit status, completion code, disposition, SIP status.
    expected: tuple[int, str, str, int | None]
    script: str = "exit"
    number: str = "+12125550100"
    more: tuple[str, ...] = ()


ANSWERED = (0, "ANSWER_HUMAN", "answered", 200)
RUNG_OUT = (1, "RING_NO_ANSWER", "ring_timeout", 487)
AUTH = ("--auth", "outreach", "--password-file", "PASSWORD")
ALICE = "sip:alice@127.0.0.1"
CODES = {
    486: "CALL_BUSY",
    603: "REJECTED_BY_USER",
    404: "INVALID_NUMBER",
    480: "RING_NO_ANSWER",
    503: "FAST_BUSY",
}
CASES: dict[str, Case] = {
    "200 after 180": Case(sipp("answer_after_180"), ANSWERED),
    "200 after 183": Case(sipp("answer_after_183"), ANSWERED),
    "200 alone": Case(sipp("answer_at_once"), ANSWERED),
    "lost ACK": Case(sipp("repeat_200"), ANSWERED, "listen"),
    "far end hangs up": Case(sipp("far_end_hangs_up"), ANSWERED, "listen"),
    "407": Case(sipp("challenge_407"), ANSWERED, more=AUTH),
    "401": Case(sipp("challenge_401"), ANSWERED, more=AUTH),
    "no answer": Case(sipp("ring_until_cancelled"), RUNG_OUT, more=("--timeout", "1")),
    "silence": Case(nobody, (1, "NETWORK_REFUSAL", "no_reply", None)),
    **{str(status): Case(sipp("refuse", status), (1, code, "refused", status)) for status, code in CODES.items()},
    **{
        f"100, {status}": Case(sipp("refuse_after_100", status), (1, code, "refused", status))
        for status, code in CODES.items()
    },
    "baresip answers": Case(telephone(answers=True), ANSWERED, number=ALICE),
    "baresip rings": Case(telephone(answers=False), RUNG_OUT, number=ALICE, more=("--timeout", "1")),
}


async def play(case: Case, folder: Path, room: asyncio.Semaphore) -> Seen:
    async with room, case.far_end() as far:
        more = (str(folder / "password") if word == "PASSWORD" else word for word in case.more)
        status, printed = await clarion_call(case.number, far.port, folder, case.script, *more)
        return Seen(status, printed, await far.complaints())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    folder = tmp_path_factory.mktemp("scripts")
    for name, script in SCRIPTS.items():
        (folder / f"{name}.vxml").write_text(script)
    (folder / "password").write_text("s3cret\n")

    async def play_all() -> list[Seen]:
        room = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(in_one_piece(partial(play, case, folder, room)) for case in CASES.values()))

    return dict(zip(CASES, asyncio.run(play_all()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_each_far_end_gives_its_code(seen: dict[str, Seen], name: str) -> None:
    assert seen[name].outcome() == CASES[name].expected


@pytest.mark.parametrize("name", CASES)
def test_the_far_end_is_content_and_nothing_is_left_behind(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].complaints, seen[name].printed["left"]) == ("", {})


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.expected == ANSWERED])
def test_an_answered_call_runs_its_script_and_sends_sound(seen: dict[str, Seen], name: str) -> None:
    printed = seen[name].printed
    hung_up = CASES[name].script == "listen"
    assert (printed["dialog"], printed["exit"]) == (
        ("caller_hangup", {}) if hung_up else ("completed", {"said": "bye"})
    )
    assert all(printed["times"][moment] for moment in ("invite", "answered", "ended"))


def test_what_rang_is_told(seen: dict[str, Seen]) -> None:
    rang = {name for name, one in seen.items() if one.printed["times"]["ringing"]}
    assert rang >= {"200 after 180", "200 after 183", "no answer", "baresip rings"}
    assert not rang & {"200 alone", "silence", "404"}
