"""How much later a word arrives through a bridge, timed by the kernel's clock where it arrives.

Each of BRIDGES pairs is a customer and an agent's leg in a room of the fast path. The customer says one loud frame of
20 ms a second at a phase of its own; what is told is the time from sending it to the arrival of the first loud packet
at the agent. Beside it stands the same way without a bridge, from socket to socket, in the same run. The far ends are
plain sockets in a process of their own. As in a media server, the loop has real-time priority where the system lets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import multiprocessing
import os
import random
import select
import socket
import statistics
import struct
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from common.setting_types import Priority
from mediaserver.priority import Claim
from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.rtp.packet import FRAME, PayloadType
from mediaserver.switch.rtp.stream import MediaFormat

BRIDGES = 50
SECONDS = 20.0
#: Milliseconds.
LIMIT = 40.0
_HEADER = struct.Struct("!BBHII")
_TIME = struct.Struct("qq")
_SILENCE, _LOUD = b"\xff" * FRAME, b"\x00" * FRAME
#: Frames from one loud one to the next.
_EVERY = 50
_SO_TIMESTAMPNS = 35


@dataclass(slots=True)
class _Voice:
    """One direction: where it is said and heard, and when it was said last."""

    mouth: socket.socket
    ear: socket.socket
    to: tuple[str, int]
    number: int = field(default_factory=lambda: random.randrange(_EVERY))
    said: float | None = None


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made


def far_ends(pipe: Connection) -> None:
    """Bind, tell the ports, learn the near ones, talk, tell the delays."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    customers, agents = [_socket() for _ in range(BRIDGES)], [_socket() for _ in range(BRIDGES)]
    pipe.send([sock.getsockname()[1] for sock in customers + agents])
    near = pipe.recv()
    bridged = [_Voice(customers[i], agents[i], ("127.0.0.1", near[i])) for i in range(BRIDGES)]
    # Legs say nothing, but they send: no far end is silent on the wire.
    quiet = [_Voice(agents[i], customers[i], ("127.0.0.1", near[BRIDGES + i]), -(10**9)) for i in range(BRIDGES)]
    through = _talk([*bridged, *quiet])
    mouths, ears = [_socket() for _ in range(BRIDGES)], [_socket() for _ in range(BRIDGES)]
    straight = _talk([_Voice(mouths[i], ears[i], ears[i].getsockname()) for i in range(BRIDGES)])
    pipe.send((through, straight))


def _talk(voices: list[_Voice]) -> list[float]:
    """Milliseconds from saying to hearing."""
    delays: list[float] = []
    poll = select.epoll()
    by_ear = {voice.ear.fileno(): voice for voice in voices}
    for descriptor in by_ear:
        poll.register(descriptor, select.EPOLLIN)
    start = time.monotonic()
    due = [(start + random.random() * 0.02, index) for index in range(len(voices))]
    heapq.heapify(due)
    while due[0][0] < start + SECONDS:
        at, index = due[0]
        wait = at - time.monotonic()
        for descriptor, _ in poll.poll(max(0.0, wait)):
            _listen(by_ear[descriptor], delays)
        if time.monotonic() >= at:
            heapq.heapreplace(due, (at + 0.02, index))
            _say(voices[index])
    poll.close()
    return delays


def _say(voice: _Voice) -> None:
    voice.number += 1
    number, loud = voice.number & 0xFFFF, voice.number % _EVERY == 0 and voice.number > 0
    packet = _HEADER.pack(0x80, 0, number, number * FRAME, 9) + (_LOUD if loud else _SILENCE)
    if loud:
        voice.said = time.time()
    voice.mouth.sendto(packet, voice.to)


def _listen(voice: _Voice, delays: list[float]) -> None:
    try:
        data, extra, _, _ = voice.ear.recvmsg(2048, 64)
    except BlockingIOError:
        return
    loud = sum(byte not in (0xFF, 0x7F) for byte in data[12:]) > FRAME // 4
    if loud and voice.said is not None:
        seconds, nanoseconds = _TIME.unpack(extra[0][2][: _TIME.size])
        delays.append((seconds + nanoseconds / 1e9 - voice.said) * 1000)
        voice.said = None


async def bridges(pipe: Connection) -> tuple[list[float], list[float]]:
    loop = asyncio.get_running_loop()
    claim = Claim(Priority.REALTIME, loop)
    print(f"priority: {claim.held}")
    pump = FastPump("127.0.0.1", PortAllocator(None))
    pump.start(loop)
    far = await loop.run_in_executor(None, pipe.recv)
    media = [pump.open() for _ in far]
    streams = [
        one.begin(MediaFormat(PayloadType.PCMU, None, ssrc=number), ("127.0.0.1", port), None, lambda event: None)
        for number, (one, port) in enumerate(zip(media, far, strict=True))
    ]
    for customer, agent in zip(streams[:BRIDGES], streams[BRIDGES:], strict=True):
        room = pump.room()
        room.join(customer)
        room.join(agent)
        room.hear(customer, agent, True)
        room.hear(agent, customer, True)
    pipe.send([one.port for one in media])
    told: tuple[list[float], list[float]] = await loop.run_in_executor(None, pipe.recv)
    pump.close()
    return told


def main() -> int:
    spawn = multiprocessing.get_context("spawn")
    near, far = spawn.Pipe()
    process = spawn.Process(target=far_ends, args=(far,))
    process.start()
    through, straight = asyncio.run(bridges(near))
    process.join()
    for name, delays in (("from socket to socket", straight), (f"through one of {BRIDGES} bridges", through)):
        delays.sort()
        print(
            f"{name}: p50 {statistics.median(delays):.2f} ms, p95 {delays[int(len(delays) * 0.95)]:.2f} ms,"
            f" most {delays[-1]:.2f} ms, of {len(delays)} words"
        )
    added = through[int(len(through) * 0.95)] - statistics.median(straight)
    print(f"added by the bridge, p95: {added:.1f} ms (limit: {LIMIT:.0f} ms){'' if added <= LIMIT else ' NOT MET'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
