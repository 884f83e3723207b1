from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from app.db import write_transaction
from app.models import Lease, TrunkShare
from app.security.secrets import Vault
from app.security.tokens import Tokens
from channels.base import Channel
from channels.memory import MemoryChannel
from channels.voice.memory import MemoryMediaServer
from common.clock import SystemClock, utcnow
from engine.addresses import Addresses
from engine.bus import SqlBus
from engine.plans import PlanReader
from engine.runner import EngineRunner
from engine.store import SqlStore
from engine.tuning import Tuning

SECRET = "tests-only-secret-key-0123456789"
QUICK = Tuning(
    tick=0.02,
    poll=0.05,
    lease=3.0,
    # A machine that also runs the other tests stands still for seconds now and then: of engines that die in a test
    # `House.kill` ends the leases.
    life=30.0,
    renewal=0.5,
    flush=0.01,
    trunk_rest=1.0,
    server_limit=1.5,
    server_poll=0.1,
    sweep=0.3,
    dnc_watch=0.05,
    test_poll=0.05,
    grace=3.0,
    message_settle=0.5,
    settle=0.3,
)


@dataclass
class House:
    """A database, a media server and channels in memory, and engines that come and go."""

    database: Engine
    server: MemoryMediaServer = field(default_factory=MemoryMediaServer)
    channels: dict[str, Channel] = field(default_factory=dict)
    stores: list[SqlStore] = field(default_factory=list)
    running: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    threads: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    def start(self, name: str = "one", tuning: Tuning = QUICK) -> EngineRunner:
        self.stores.append(SqlStore(self.database))
        made = EngineRunner(
            self.database,
            self.stores[-1],
            PlanReader(self.database, Vault(SECRET), frozenset({"sms", "email"})),
            Addresses("http://127.0.0.1:1", Tokens(SECRET)),
            self.channels,
            lambda _url: self.server,
            SystemClock(),
            SqlBus(self.database, 0.05),
            engine_id=name,
            default_server="http://127.0.0.1:2",
            tuning=tuning,
        )
        asyncio.get_running_loop().set_default_executor(self.threads)
        stop = asyncio.Event()
        self.owners[name] = made.owner
        self.running[name] = asyncio.create_task(made.run(stop)), stop
        return made

    async def stop(self, name: str = "one") -> None:
        task, stop = self.running.pop(name)
        stop.set()
        await task

    async def kill(self, name: str = "one") -> None:
        """As near to `kill -9` as one process allows: nothing of the engine's ending runs against the database.

        What its threads had begun is done when this returns, and its leases have run out.
        """
        task, _ = self.running.pop(name)
        for other in asyncio.all_tasks():
            if other is not asyncio.current_task() and other not in self.server.tasks():
                other.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self.threads.shutdown()
        self.threads = ThreadPoolExecutor()
        ago = utcnow() - timedelta(minutes=1)
        with write_transaction(self.database) as session:
            session.execute(update(Lease).where(Lease.owner == self.owners[name]).values(expires_at=ago))
            session.execute(update(TrunkShare).where(TrunkShare.owner == self.owners[name]).values(until=ago))

    async def close(self) -> None:
        for name in tuple(self.running):
            await self.stop(name)
        self.server.shut_down()
        for store in self.stores:
            store.close()

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.database.begin() as connection:
            result = connection.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    def final_codes(self) -> Counter[str]:
        return Counter(row[0] for row in self.sql("SELECT final_code FROM job_contact"))

    def attempt_codes(self) -> Counter[str]:
        return Counter(row[0] for row in self.sql("SELECT completion_code FROM attempt"))

    def job_state(self) -> str:
        return str(self.sql("SELECT state FROM job")[0][0])

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await asyncio.sleep(0.03)
        except TimeoutError:
            pytest.fail(f"job {self.job_state()}, finals {self.final_codes()}, attempts {self.attempt_codes()}")


@pytest.fixture
def play(engine: Engine) -> Callable[[Callable[[House], Awaitable[None]]], None]:
    """Run a scenario in a house of its own."""

    def run(scenario: Callable[[House], Awaitable[None]]) -> None:
        async def whole() -> None:
            house = House(engine)
            try:
                await scenario(house)
            finally:
                await house.close()

        asyncio.run(whole())

    return run


Play = Callable[[Callable[[House], Awaitable[None]]], None]

PLAN = """<Strategy xmlns="urn:clarion:strategy:1" name="s">
<Handler name="call"><Call timeout="20s"><Address attribute="phone1"/><Results default="done">
  <Result code="CALL_BUSY"><Retry count="2" intervals="0.1" failState="email"/></Result>
  <Result code="INVALID_NUMBER" next="email"/>
  <Result code="ANSWER_HUMAN SYSTEM_ERROR" next="receipt"/>
</Results></Call></Handler>
<Handler name="receipt"><Sms><Address attribute="phone1"/><Text>Thank you, {first_name}</Text></Sms></Handler>
<Handler name="email"><Email><Address attribute="email"/><Subject>Hello</Subject><Text>Balance {balance}</Text></Email>
</Handler></Strategy>"""
CALL_ONLY = """<Strategy xmlns="urn:clarion:strategy:1" name="s">
<Handler name="call"><Call timeout="20s"><Address attribute="phone1"/><Results default="done">
</Results></Call></Handler></Strategy>"""


def equip(house: House) -> tuple[MemoryChannel, MemoryChannel]:
    sms, email = MemoryChannel("sms", "SMS_SENT"), MemoryChannel("email", "EMAIL_SENT")
    house.channels.update(sms=sms, email=email)
    return sms, email
