"""The simulated carrier against SIPp, and against hand-made packets where SIPp cannot go."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.carrier import audio
from simulators.carrier.agent import Carrier, CarrierSettings
from simulators.carrier.behaviour import Behaviour
from simulators.carrier.journal import read_journal, rings_by_attempt
from simulators.carrier.message import Message, parse
from simulators.carrier.population import SUFFIXES, Population
from simulators.carrier.sdp import parse_offer

pytestmark = pytest.mark.integration
SCENARIOS = Path(__file__).parent / "scenarios"


def carrier(population: Population | None = None, **changes: Any) -> Carrier:
    return Carrier(CarrierSettings(port=0, **changes), population)


async def sipp(port: int, number: str, *options: str, scenario: str = "", status: int = 0, folder: Path) -> str:
    """Run SIPp as the caller; answers its complaints, "" for none."""
    command = ["sipp", "-i", "127.0.0.1", "-s", number, "-nostdin", "-timeout", "90s", "-timeout_error"]
    errors = folder / "errors.log"
    if scenario:
        file = folder / "scenario.xml"
        file.write_text((SCENARIOS / f"{scenario}.xml").read_text().replace("[status]", str(status)))
        command += ["-sf", str(file), "-m", "1"]
    else:
        command += ["-sn", "uac"]
    command += ["-trace_err", "-error_file", str(errors), *options, f"127.0.0.1:{port}"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    code = await process.wait()
    return "" if code == 0 else f"exit status {code}: {errors.read_text() if errors.exists() else ''}"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("suffix", ["01", "04", "06", "09", "20", "22", "23", "27"])
def test_each_refusal_reaches_sipp_and_its_ack_ends_it(suffix: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with carrier(journal=tmp_path / "rings") as far:
            final = SUFFIXES[suffix].final
            number = f"+121255501{suffix}"
            assert not await sipp(far.port, number, scenario="refused", status=final, folder=tmp_path)
            await until(lambda: far.outcomes == {str(final): 1})
            assert rings_by_attempt(tmp_path / "rings") == {"attempt-1": 1}

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["direct", "early-media", "lost-ack"])
def test_each_way_to_answer_ends_in_a_call(name: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with carrier() as far:
            assert not await sipp(far.port, name, "-m", "1", "-d", "2500", folder=tmp_path)
            assert far.outcomes == {"answered": 1}

    asyncio.run(scenario())


def test_a_ringing_call_is_cancelled(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with carrier() as far:
            assert not await sipp(far.port, "ring-out", scenario="cancelled", folder=tmp_path)
            await until(lambda: far.outcomes == {"cancelled": 1})

    asyncio.run(scenario())


def test_an_authenticated_second_invite_is_one_ring(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with carrier(Population(everyone="direct"), challenge=True, journal=tmp_path / "rings") as far:
            assert not await sipp(far.port, "+12125550100", scenario="challenged", folder=tmp_path)
            assert far.outcomes == {"answered": 1}
        assert rings_by_attempt(tmp_path / "rings") == {"attempt-1": 1}

    asyncio.run(scenario())


def test_a_hundred_set_ups_a_second_all_succeed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with carrier(Population(everyone="direct")) as far:
            options = ("-m", "300", "-r", "100", "-l", "300", "-d", "1000")
            assert not await sipp(far.port, "+12125550100", *options, folder=tmp_path)
            assert far.outcomes == {"answered": 300}
            assert far.status()["active"] == 0

    asyncio.run(scenario())


class Caller(asyncio.DatagramProtocol):
    """A caller by hand: one SIP socket and one RTP socket."""

    def __init__(self, far: Carrier) -> None:
        self.far = far
        self.responses: list[Message] = []
        self.requests: list[Message] = []
        self.rtp: list[bytes] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Caller:
        loop = asyncio.get_running_loop()
        self.sip, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.media, _ = await loop.create_datagram_endpoint(lambda: _Media(self), local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sip.close()
        self.media.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        received = parse(data)
        assert received is not None
        (self.responses if received.status else self.requests).append(received)
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        async def wait() -> None:
            while not condition():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.05)
                except TimeoutError:
                    continue

        await asyncio.wait_for(wait(), seconds)

    def send(self, method: str, user: str, *, cseq: int = 1, to_tag: str = "", attempt: str = "a1") -> None:
        own, media = self.sip.get_extra_info("sockname")[1], self.media.get_extra_info("sockname")[1]
        body = ""
        if method == "INVITE":
            body = (
                f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {media} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
            )
        tag = f";tag={to_tag}" if to_tag else ""
        lines = [
            f"{method} sip:{user}@127.0.0.1:{self.far.port} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{method}{cseq};rport",
            "From: <sip:caller@127.0.0.1>;tag=f",
            f"To: <sip:{user}@127.0.0.1>{tag}",
            f"Call-ID: call-{attempt}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:caller@127.0.0.1:{own}>",
            f"X-Clarion-Attempt: {attempt}",
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), ("127.0.0.1", self.far.port))

    async def connect(self, user: str) -> tuple[str, int]:
        """Call and acknowledge; answers the far end's RTP address."""
        self.send("INVITE", user)
        await self.until(lambda: self.responses[-1:] != [] and self.responses[-1].status == 200)
        answer = self.responses[-1]
        self.send("ACK", user, to_tag="x")
        offer = parse_offer(answer.body)
        assert offer is not None
        return offer.host, offer.port

    async def talk(self, to: tuple[str, int], frames: int, *, loud: bool) -> float:
        """Answers the longest time (seconds) between two packets: on a machine that stood still a pause, too."""
        times = []
        frame = audio.frames(audio.tone((400,), 0.02, 0.3))[0] if loud else audio.SILENCE[0]
        for _ in range(frames):
            self._sequence = getattr(self, "_sequence", 0) + 1
            header = struct.pack("!BBHII", 0x80, 0, self._sequence, self._sequence * 160, 7)
            self.media.sendto(header + frame, to)
            times.append(time.monotonic())
            await asyncio.sleep(0.02)
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def keys(self) -> str:
        """The keys heard, by distinct event timestamps."""
        events = {packet[4:8]: packet[12] for packet in self.rtp if packet[1] & 0x7F == 101}
        return "".join("0123456789*#"[event] for event in events.values())


class _Media(asyncio.DatagramProtocol):
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._caller.rtp.append(data)


def with_caller(check: Callable[[Carrier, Caller], Awaitable[None]], far: Carrier) -> None:
    async def scenario() -> None:
        async with far, Caller(far) as caller:
            await check(far, caller)

    asyncio.run(scenario())


def test_a_repeated_invite_rings_once(tmp_path: Path) -> None:
    async def check(far: Carrier, caller: Caller) -> None:
        for _ in range(3):
            caller.send("INVITE", "ring-out")
        await caller.until(lambda: len(caller.responses) == 3)
        assert {response.status for response in caller.responses} == {180}
        assert [line["event"] for line in read_journal(tmp_path / "rings")] == ["ring"]
        caller.send("INVITE", "ring-out", attempt="a2")
        await caller.until(lambda: len(caller.responses) == 4)
        assert far.status()["rings"] == 2

    with_caller(check, carrier(journal=tmp_path / "rings"))


def test_keys_come_after_the_prompt_and_the_customer_hangs_up_in_the_end() -> None:
    async def check(far: Carrier, caller: Caller) -> None:
        rtp = await caller.connect("+12125550100")
        await asyncio.sleep(0.4)
        longest = await caller.talk(rtp, 40, loud=True)
        assert caller.keys() == "" or longest > 0.3
        await caller.talk(rtp, 70, loud=False)
        await caller.until(lambda: caller.keys() == "12#")
        await caller.until(lambda: any(request.method == "BYE" for request in caller.requests))
        report = next(iter(far.calls.values())).report()
        assert report["keys"] == "12#"
        assert report["rtp"]["received"] == 110
        assert report["rtp"]["lost"] == 0

    person = Behaviour("person", provisional=0, script="prompt keys:12# wait:0.2 hangup")
    with_caller(check, carrier(Population(everyone=person)))


def test_the_carriers_packets_are_20_ms_of_audio_in_sequence() -> None:
    async def check(far: Carrier, caller: Caller) -> None:
        await caller.connect("+12125550100")
        await caller.until(lambda: len(caller.rtp) > 30)
        headers = [struct.unpack_from("!BBHII", packet) for packet in caller.rtp]
        assert all(len(packet) == 172 for packet in caller.rtp)
        assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in itertools.pairwise(headers))
        assert all((b[3] - a[3]) & 0xFFFFFFFF == 160 for a, b in itertools.pairwise(headers))

    with_caller(check, carrier(Population(everyone="direct")))


def test_options_is_answered_and_an_unknown_bye_is_not() -> None:
    async def check(far: Carrier, caller: Caller) -> None:
        caller.send("OPTIONS", "anybody")
        caller.send("BYE", "anybody", cseq=2)
        caller.send("PUBLISH", "anybody", cseq=3)
        await caller.until(lambda: len(caller.responses) == 3)
        assert [response.status for response in caller.responses] == [200, 481, 405]

    with_caller(check, carrier())


def test_the_command_says_where_it_listens_and_ends_on_sigterm(tmp_path: Path) -> None:
    async def scenario() -> None:
        binds = ["--sip-bind", "127.0.0.1:0", "--http-bind", "127.0.0.1:0", "--smtp-bind", "127.0.0.1:0"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simulators.carrier", *binds, "--journal", str(tmp_path / "rings")),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        assert ready["ready"] is True
        assert all(":" in ready[part] for part in ("sip", "http", "smtp"))
        assert not await sipp(int(ready["sip"].rpartition(":")[2]), "direct", "-m", "1", folder=tmp_path)
        process.send_signal(signal.SIGTERM)
        last = json.loads(await process.stdout.readline())
        assert last["outcomes"] == {"answered": 1}
        assert await process.wait() == 0

    asyncio.run(scenario())
