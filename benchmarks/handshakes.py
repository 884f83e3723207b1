"""Whether TLS handshakes hold up the switch: how late its loop and its RTP are while they come and go.

One process does what a switch does: an event loop with real-time priority where the system lets it, STREAMS streams of
audio, and the user agent's connections. Another keeps CONNECTIONS connections to it or from it going, each closed once
it is open and opened again. Plain TCP stands beside TLS in the same run: what is later then is the handshakes' doing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import select
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

from common.setting_types import Priority
from mediaserver.collector import calm
from mediaserver.priority import Claim
from mediaserver.switch.fastpath.pump import FastPump
from mediaserver.switch.ports import PortAllocator
from mediaserver.switch.rtp.packet import FRAME, PayloadType
from mediaserver.switch.rtp.stream import MediaFormat
from mediaserver.switch.sip.streams import Hooks, StreamPool
from mediaserver.switch.sip.tls import TlsFiles, client_context, server_context
from mediaserver.switch.sip.transaction import Address
from tests.support.certificates import Authority

STREAMS, CONNECTIONS, SECONDS = 50, 120, 8.0
#: Milliseconds between packets at the far end, p99.
RTP_LIMIT = 23.0
#: Milliseconds that the loop may come late, p99: what one turn of it may take.
LOOP_LIMIT = 2.0
_TICK = 0.005
#: Seconds that an open connection stays.
_STAY = 0.05
_SO_TIMESTAMPNS = 35
_TIME = struct.Struct("qq")


def ears(pipe: Connection) -> None:
    """Where the audio arrives: tell the ports, then at each word of the near end the gaps since the last, in ms."""
    sockets = []
    for _ in range(STREAMS):
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind(("127.0.0.1", 0))
        ear.setblocking(False)
        ear.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sockets.append(ear)
    poll, by_number = select.epoll(), {ear.fileno(): ear for ear in sockets}
    for number in (*by_number, pipe.fileno()):
        poll.register(number, select.EPOLLIN)
    pipe.send([ear.getsockname()[1] for ear in sockets])
    last: dict[int, float] = {}
    gaps: list[float] = []
    while True:
        for number, _ in poll.poll():
            if number == pipe.fileno():
                if pipe.recv() == "end":
                    return
                pipe.send(gaps)
                gaps = []
                last.clear()
                continue
            with contextlib.suppress(BlockingIOError):
                _, extra, _, _ = by_number[number].recvmsg(2048, 64)
                seconds, nanoseconds = _TIME.unpack(extra[0][2][: _TIME.size])
                now = seconds * 1000 + nanoseconds / 1e6
                if number in last:
                    gaps.append(now - last[number])
                last[number] = now


class FarEnd:
    """Connections of both kinds; `opened` counts those whose handshake was done."""

    def __init__(self, pair: tuple[Path, Path], authority: Path) -> None:
        self.opened = 0
        self._server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._server.load_cert_chain(*pair)
        self._client = ssl.create_default_context(cafile=authority)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        await asyncio.sleep(_STAY)
        writer.close()

    async def listen(self, tls: bool) -> list[int]:
        context = self._server if tls else None
        servers = [await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context) for _ in range(CONNECTIONS)]
        return [server.sockets[0].getsockname()[1] for server in servers]

    async def call(self, port: int, tls: bool) -> None:
        """Over and over, until it is cancelled."""
        options: dict[str, Any] = {"ssl": self._client, "server_hostname": "localhost"} if tls else {}
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port, **options)
                self.opened += 1
                await asyncio.sleep(_STAY)
                writer.close()


def far_end(pipe: Connection, pair: tuple[Path, Path], authority: Path) -> None:
    """Tell the ports, then do as told: `count`, `call` ports, `rest`, `end`."""

    async def run() -> None:
        far, loop = FarEnd(pair, authority), asyncio.get_running_loop()
        # The last handshakes are cut off when the measurement is over.
        loop.set_exception_handler(lambda _loop, _context: None)
        callers: list[asyncio.Task[None]] = []
        pipe.send({"tcp": await far.listen(False), "tls": await far.listen(True)})
        while True:
            told, port = await loop.run_in_executor(None, pipe.recv)
            if told in ("tcp", "tls"):
                callers = [asyncio.create_task(far.call(port, told == "tls")) for _ in range(CONNECTIONS)]
            elif told == "count":
                pipe.send(far.opened)
                far.opened = 0
            else:
                for caller in callers:
                    caller.cancel()
                await asyncio.gather(*callers, return_exceptions=True)
                if told == "end":
                    return

    uvloop.run(run())


class Switch:
    def __init__(self, far: Connection, ear: Connection, pool: StreamPool) -> None:
        self._far, self._ear, self._pool = far, ear, pool

    async def phase(self, name: str, work: Iterable[Awaitable[None]]) -> tuple[float, float]:
        """p99 of the loop's and of the RTP's lateness, in ms."""
        loop = asyncio.get_running_loop()
        tasks = [asyncio.ensure_future(one) for one in work]
        await asyncio.sleep(0.5)
        await self._asked(self._far, ("count", 0))
        await self._asked(self._ear, "gaps")
        late = await _ticks()
        opened, gaps = await self._asked(self._far, ("count", 0)), await self._asked(self._ear, "gaps")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gaps.sort()
        rtp, turn = gaps[int(len(gaps) * 0.99)], late[int(len(late) * 0.99)]
        print(
            f"{name:34} {opened / SECONDS:6.0f}/s opened; loop p50 {late[len(late) // 2]:5.2f}, p99 {turn:6.2f}, most"
            f" {late[-1]:6.2f} ms late; RTP gaps p99 {rtp:6.2f}, most {gaps[-1]:6.2f} ms",
            flush=True,
        )
        await loop.run_in_executor(None, self._far.send, ("rest", 0))
        await asyncio.sleep(0.5)
        return turn, rtp

    async def dial(self, addresses: list[Address]) -> None:
        """All at once, over and over."""
        while True:
            await asyncio.gather(*(self._pool.open(address) for address in addresses), return_exceptions=True)
            await asyncio.sleep(2 * _STAY)

    async def be_called(self, kind: str, port: int) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._far.send, (kind, port))

    async def _asked(self, pipe: Connection, word: object) -> Any:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, pipe.send, word)
        return await loop.run_in_executor(None, pipe.recv)


async def _ticks() -> list[float]:
    """How late the loop came, in ms, sorted."""
    late, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end:
        due = time.monotonic() + _TICK
        await asyncio.sleep(_TICK)
        late.append(max(0.0, time.monotonic() - due) * 1000)
    return sorted(late)


async def switch(far: Connection, ear: Connection, files: TlsFiles) -> bool:
    loop = asyncio.get_running_loop()
    print(f"priority: {Claim(Priority.REALTIME, loop).held}; {CONNECTIONS} connections at a time, {STREAMS} streams")
    pump = FastPump("127.0.0.1", PortAllocator(None))
    pump.start(loop)
    for number, port in enumerate(await loop.run_in_executor(None, ear.recv)):
        stream = pump.open().begin(MediaFormat(PayloadType.PCMU, None, ssrc=number), ("127.0.0.1", port), None, _ignore)
        stream.play(1, (b"\x00" * FRAME,) * 5000, False)
    ports = await loop.run_in_executor(None, far.recv)
    context = client_context(files)
    pool = StreamPool(Hooks(_ignore, _ignore, lambda: None), "127.0.0.1", lambda: context)
    calm()
    one = Switch(far, ear, pool)
    await one.phase("nothing besides the audio", [])
    tcp = [Address("127.0.0.1", port, "tcp") for port in ports["tcp"]]
    tls = [Address("127.0.0.1", port, "tls", "localhost") for port in ports["tls"]]
    await one.phase("connections of ours over TCP", [one.dial(tcp)])
    late = [await one.phase("connections of ours over TLS", [one.dial(tls)])]
    await one.phase("connections to us over TCP", [one.be_called("tcp", pool.listen("127.0.0.1", 0))])
    port = pool.listen("127.0.0.1", 0, server_context(files))
    late.append(await one.phase("connections to us over TLS", [one.be_called("tls", port)]))
    await loop.run_in_executor(None, far.send, ("end", 0))
    await loop.run_in_executor(None, ear.send, "end")
    await pool.close()
    pump.close()
    turn, rtp = (max(values) for values in zip(*late, strict=True))
    met = turn <= LOOP_LIMIT and rtp <= RTP_LIMIT
    print(
        f"while hands are shaken: loop p99 {turn:.2f} ms late (limit {LOOP_LIMIT:.0f}), RTP gaps p99 {rtp:.2f} ms"
        f" (limit {RTP_LIMIT:.0f}): {'MET' if met else 'NOT MET'}"
    )
    return met


def _ignore(*_: object) -> None:
    pass


def main() -> int:
    argparse.ArgumentParser(prog="script/bench handshakes", description=__doc__).parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        pair = authority.issue("localhost")
        near_far, far = spawn.Pipe()
        near_ear, ear = spawn.Pipe()
        children = [
            spawn.Process(target=far_end, args=(far, (pair.certificate, pair.key), authority.file)),
            spawn.Process(target=ears, args=(ear,)),
        ]
        for child in children:
            child.start()
        met = uvloop.run(switch(near_far, near_ear, TlsFiles(authority.file, pair.certificate, pair.key)))
        for child in children:
            child.join()
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
