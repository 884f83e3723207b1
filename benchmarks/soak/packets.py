"""A million mutated packets at a media server while calls run on it: the RFC 4475 messages, SIP, RTP and RTCP.

SIP comes from a stranger, from the trunk's own address (forged, where this program may), and over TCP; RTP and RTCP go
to the ports of the calls, from a stranger and from the far end's own address. Every hundred packets the server answers
an OPTIONS, so that none waits unseen in a full queue. The same seed sends the same packets.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.media import SUFFIX_TALK, Bench, hang_up, media_bench, request, until_up
from benchmarks.soak.figures import Figures, complaints, figures, growth, leaks, own_ports, settled, tell
from benchmarks.soak.wild import Kind, Wild
from simulators.carrier.journal import read_journal
from tests.support.torture import torture_messages

PACKETS, CALLS, SEED = 1_000_000, 20, 1
_SHARES = {Kind.REQUEST: 4, Kind.RESPONSE: 2, Kind.RTP: 3, Kind.RTCP: 1}
_BATCH = 100
#: Packets before memory is taken for the first time: the table of transactions has been full, and is empty again; each
#: call's trace is full (300 lines).
_WARM_UP = 300_000
GROWTH_LIMIT = 0.02
_LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Attack:
    """`pairs` are the calls' RTP ports: the server's and the far end's."""

    wild: Wild
    sip: int
    trunk: int
    pairs: list[tuple[int, int]]
    sent: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    _stranger: socket.socket = field(default_factory=lambda: _udp())
    _asker: socket.socket = field(default_factory=lambda: _udp())
    _forger: socket.socket | None = field(default_factory=lambda: _raw())

    @property
    def forges(self) -> bool:
        return self._forger is not None

    def close(self) -> None:
        for each in (self._stranger, self._asker, self._forger):
            if each is not None:
                each.close()

    async def run(self, count: int) -> None:
        chance, kinds, weights = self.wild.chance, list(_SHARES), list(_SHARES.values())
        for first in range(0, count, _BATCH):
            for kind in chance.choices(kinds, weights, k=min(_BATCH, count - first)):
                self._send(kind, self.wild.packet(kind))
            if chance.random() < 0.05:
                await self._stream()
            await self._await_answer()

    def _send(self, kind: Kind, packet: bytes) -> None:
        if kind in (Kind.REQUEST, Kind.RESPONSE):
            source, target = self.trunk, self.sip
        else:
            here, there = self.wild.chance.choice(self.pairs)
            source, target = (there, here) if kind is Kind.RTP else (there + 1, here + 1)
        forged = self.wild.chance.random() < 0.5
        self.sent[kind] += 1
        with contextlib.suppress(OSError):
            # A closed port refuses by ICMP; the next packet hears of it.
            if forged and self._forger is not None and len(packet) < 1400:
                self._forger.sendto(_datagram(source, target, packet), (_LOOPBACK, 0))
            else:
                self._stranger.sendto(packet, (_LOOPBACK, target))

    async def _stream(self) -> None:
        """A few messages on one TCP connection, which is then dropped."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                _, writer = await asyncio.open_connection(_LOOPBACK, self.sip)
                for _ in range(5):
                    writer.write(self.wild.packet(Kind.REQUEST))
                    self.sent["messages over TCP"] += 1
                await writer.drain()
                writer.close()

    async def _await_answer(self) -> None:
        loop = asyncio.get_running_loop()
        branch = f"z9hG4bKping{self.sent.total()}"
        for _ in range(5):
            with contextlib.suppress(OSError):
                self._asker.sendto(_options(self._asker.getsockname()[1], branch), (_LOOPBACK, self.sip))
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    while branch.encode() not in await loop.sock_recv(self._asker, 4096):
                        pass
                    return
        self.unanswered += 1


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((_LOOPBACK, 0))
    made.setblocking(False)
    return made


def _raw() -> socket.socket | None:
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        return None


def _datagram(source: int, target: int, packet: bytes) -> bytes:
    """IPv4 and UDP headers before it; checksums are the kernel's, or none."""
    address = socket.inet_aton(_LOOPBACK)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(packet), 0, 0, 64, socket.IPPROTO_UDP, 0, address, address)
    return head + struct.pack("!HHHH", source, target, 8 + len(packet), 0) + packet


def _options(port: int, branch: str) -> bytes:
    lines = (
        f"OPTIONS sip:{_LOOPBACK} SIP/2.0",
        f"Via: SIP/2.0/UDP {_LOOPBACK}:{port};branch={branch}",
        "Max-Forwards: 70",
        f"From: <sip:ping@{_LOOPBACK}>;tag=1",
        f"To: <sip:{_LOOPBACK}>",
        f"Call-ID: {branch}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def _pairs(ports: range, calls: int, seconds: float = 3.0) -> list[tuple[int, int]]:
    """Which of the server's RTP ports talks to which of the carrier's, by looking at what passes."""
    found: dict[int, int] = {}
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as ear:
        ear.settimeout(seconds)
        while len(found) < calls and time.monotonic() < end:
            packet = ear.recv(64)
            if packet[9] == socket.IPPROTO_UDP:
                source, target = struct.unpack_from("!HH", packet, (packet[0] & 15) * 4)
                if source in ports and source % 2 == 0:
                    found[source] = target
    return sorted(found.items())


async def main() -> int:
    parser = argparse.ArgumentParser(prog="script/soak packets", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=PACKETS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="clarion-soak-") as name:
        ports = own_ports()
        async with media_bench(Path(name), CALLS, "auto", ahead=(), ports=ports) as bench:
            return await _soak(bench, ports, arguments.count, arguments.seed)


async def _soak(bench: Bench, ports: range, count: int, seed: int) -> int:
    idle = await _idle(bench)
    attempts = [f"soak-{number}" for number in range(CALLS)]
    await _start(bench, attempts)
    boot = await _boot(bench)
    rings = (line for line in read_journal(bench.journal) if line["event"] == "ring")
    call_ids = [line["call_id"] for line in rings if line["attempt"] in attempts]
    torture = [path.read_bytes() for path in torture_messages()]
    wild = Wild(random.Random(seed), call_ids, torture)
    attack = Attack(wild, bench.sip, bench.trunk, _pairs(ports, CALLS))
    print(
        f"{CALLS} calls, {len(attack.pairs)} pairs of RTP ports, {len(torture)} RFC 4475 messages, seed {seed}; senders"
        f" are {'strangers and forged' if attack.forges else 'strangers only: forging addresses needs root'}",
        flush=True,
    )
    for message in torture:
        attack._send(Kind.REQUEST, message)
    await attack.run(min(_WARM_UP, count))
    before = await settled(bench)
    looks = await _main_part(bench, attack, count - min(_WARM_UP, count))
    after = await settled(bench)
    states = [(await _status(bench, attempt))["state"] for attempt in attempts]
    attack.close()
    await hang_up(bench, attempts)
    ends = [await _status(bench, attempt) for attempt in attempts]
    last = await settled(bench)
    _tell_media(bench, ends)
    grown, shares = growth([before], [after]), after.shares / before.shares - 1
    print(
        f"memory {before.memory:.1f} MB after {_WARM_UP}, {max(looks, default=0.0):.1f} at most,"
        f" {after.memory:.1f} at the end ({100 * grown:+.2f} %; by proportional shares {100 * shares:+.2f} %);"
        f" idle {idle.memory:.1f} before, {last.memory:.1f} after"
    )
    return tell(
        {
            f"{attack.sent.total()} packets: {', '.join(f'{number} {kind}' for kind, number in attack.sent.items())}":
                [] if attack.sent.total() >= count else ["fewer than asked for"],
            f"{len(torture)} RFC 4475 messages are among them": [] if torture else ["see tests/support/torture.py"],
            "the server is the same process": [] if await _boot(bench) == boot else ["it was started again"],
            "it answered after every hundred": [f"{attack.unanswered} times not"] if attack.unanswered else [],
            f"{CALLS} of {CALLS} calls are still up": [state for state in states if state != "answered"],
            "they end as we end them": [
                f"{end['attempt_id']}: {end['disposition']} {end['dialog']}"
                for end in ends
                if (end["disposition"], end["dialog"]) != ("answered", "system_hangup")
            ],
            f"memory grows by at most {GROWTH_LIMIT:.0%}": [f"{100 * grown:.2f} %"] if grown > GROWTH_LIMIT else [],
            "no port, descriptor, task or thread is left": leaks(idle, last),
            "the server's log has no error": complaints(bench),
        }
    )  # fmt: skip


async def _start(bench: Bench, attempts: list[str]) -> None:
    """Until all are up; a machine busy with other things admits them slowly."""
    waiting = list(attempts)
    while waiting:
        status, _ = await request(bench, waiting[-1], SUFFIX_TALK, "talk")
        if status == 503:
            await asyncio.sleep(1)
        else:
            waiting.pop()
    await until_up(bench, attempts)


async def _idle(bench: Bench) -> Figures:
    """When every part has worked once, and nobody is on the line."""
    attempts = [f"first-{number}" for number in range(CALLS)]
    await _start(bench, attempts)
    await hang_up(bench, attempts)
    return await settled(bench)


async def _main_part(bench: Bench, attack: Attack, count: int) -> list[float]:
    """Tell of every tenth; memory at each."""
    looks, began = [], time.monotonic()
    for tenth in range(10):
        await attack.run(count * (tenth + 1) // 10 - count * tenth // 10)
        now: Figures = await figures(bench)
        strange = now.metrics.get("rtp_packets_dropped_total.strange", 0)
        looks.append(now.memory)
        print(
            f"  {attack.sent.total():8} sent, {count * (tenth + 1) / 10 / (time.monotonic() - began):6.0f}/s;"
            f" {now.switch:6.1f} + {now.workers:.1f} + {now.files:.1f} MB, {now.held['sip_transactions']} transactions,"
            f" strange RTP {strange:.0f}, calls {now.held['sip_calls']}",
            flush=True,
        )
    return looks


def _tell_media(bench: Bench, ends: list[dict[str, object]]) -> None:
    """What the far ends got of what was sent to them."""
    got = {line["attempt"]: line["rtp"]["received"] for line in read_journal(bench.journal) if line["event"] == "end"}
    sent = {str(end["attempt_id"]): end["rtp"]["sent"] for end in ends}
    print(f"RTP: {sum(sent.values())} sent by the calls, {sum(got.get(attempt, 0) for attempt in sent)} at the far end")


async def _boot(bench: Bench) -> str:
    async with bench.http.get(f"{bench.api}/status") as answer:
        return str((await answer.json())["boot_id"])


async def _status(bench: Bench, attempt: str) -> dict[str, object]:
    async with bench.http.get(f"{bench.api}/calls/{attempt}") as answer:
        status: dict[str, object] = await answer.json()
        return status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
