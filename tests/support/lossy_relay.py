"""A network that loses packets each way, between us and a far end on this machine. Both ends repeat as they would."""

from __future__ import annotations

import asyncio
import random
from typing import cast

Address = tuple[str, int]


class LossyRelay(asyncio.DatagramProtocol):
    """Stands at `port` for the far end at `far_port`, also in its Contact; loses `loss` percent in each direction."""

    def __init__(self, far_port: int, loss: int, seed: int) -> None:
        self.port = 0
        self._far = ("127.0.0.1", far_port)
        self._loss = loss / 100
        self._chance = random.Random(seed)
        self._transport: asyncio.DatagramTransport | None = None
        self._beyond: dict[Address, _Beyond] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        for beyond in self._beyond.values():
            beyond.close()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, source: Address) -> None:
        if self._chance.random() < self._loss:
            return
        task = asyncio.ensure_future(self._carry(data, source))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, data: bytes, source: Address) -> None:
        beyond = self._beyond.get(source)
        if beyond is None:
            beyond = self._beyond[source] = _Beyond(self, source)
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: beyond, remote_addr=self._far)
        beyond.send(data)

    def give_back(self, data: bytes, to: Address) -> None:
        if self._transport is not None and self._chance.random() >= self._loss:
            # What is asked of it inside the call takes the same way.
            self._transport.sendto(data.replace(b":%d" % self._far[1], b":%d" % self.port), to)


class _Beyond(asyncio.DatagramProtocol):
    """What the far end takes one of us for."""

    def __init__(self, relay: LossyRelay, near: Address) -> None:
        self._relay = relay
        self._near = near
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        for data in self._waiting:
            self._transport.sendto(data)

    def send(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, _source: Address) -> None:
        self._relay.give_back(data, self._near)
