"""Who shares a worker process with whom."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mediaserver import wire
from mediaserver.switch.nursery import Child
from mediaserver.switch.workers import SESSIONS_A_WORKER, Worker, WorkerKey, WorkerPool

pytestmark = pytest.mark.asyncio
ONE, TWO, OTHER = WorkerKey("red", "1"), WorkerKey("red", "2"), WorkerKey("blue", "1")


class Barren:
    """No child ever comes: the pool's book-keeping needs none."""

    async def start(self) -> None:
        """Nothing to start."""

    async def fork(self, peer: socket.socket) -> Child:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None:
        """Nothing to end."""


class Nobody:
    def dialog_said(self, message: wire.Message | wire.Audio, worker: Worker) -> None:
        """Never."""

    def dialog_lost(self, call: str, why: str) -> None:
        """Nobody asks."""


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    made = WorkerPool(Barren(), most=6)
    yield made
    await made.close()


async def test_organizations_and_revisions_share_no_worker(pool: WorkerPool) -> None:
    workers = [pool.begin(key, f"{key}") for key in (ONE, TWO, OTHER)]
    assert len(set(workers)) == 3
    assert pool.begin(ONE, "another") is workers[0]


async def test_a_worker_has_at_most_so_many_sessions(pool: WorkerPool) -> None:
    workers = [pool.begin(ONE, str(number)) for number in range(SESSIONS_A_WORKER + 1)]
    assert [len(worker.sessions) for worker in dict.fromkeys(workers)] == [SESSIONS_A_WORKER, 1]


async def test_a_used_worker_is_given_to_no_other_key(pool: WorkerPool) -> None:
    first = pool.begin(ONE, "call")
    pool.end(first, "call")
    assert pool.begin(TWO, "call") is not first
