"""The engine's process: the parts put together by the settings, and the signals that end it."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace

import structlog

from app.db import make_engine
from app.security.pseudonyms import attach
from app.security.secrets import Vault
from app.security.tokens import Tokens
from channels.registry import build_channels, close_channels, simulated_channels
from channels.voice.client import HttpMediaServer
from common.clock import SystemClock
from common.settings import Settings, ensure_secrets
from common.tasks import tell_failures
from engine.addresses import Addresses
from engine.bus import SqlBus
from engine.plans import PlanReader
from engine.runner import EngineRunner
from engine.store import SqlStore
from engine.tuning import Tuning

log = structlog.get_logger()


def run_engine(settings: Settings, *, grace: float = 10.0) -> int:
    """Until SIGTERM or SIGINT; answers the exit status."""
    asyncio.run(_run(ensure_secrets(settings), replace(Tuning(), grace=grace)))
    return 0


async def _run(settings: Settings, tuning: Tuning) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    tell_failures(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    secret = settings.require_secret_key()
    database = attach(make_engine(settings.database_url, pool_size=8), secret)
    store = SqlStore(database)
    channels = build_channels(settings)
    runner = EngineRunner(
        database,
        store,
        PlanReader(database, Vault(secret), simulated_channels(settings)),
        Addresses(
            settings.web.public_url,
            Tokens(secret),
            payment_url=f"http://{settings.simulator.http}/payment",
            pages_url=settings.web.pages_url,
        ),
        channels,
        lambda url: HttpMediaServer(url, settings.mediaserver.token),
        SystemClock(),
        SqlBus(database),
        engine_id=settings.engine.id,
        default_server=settings.mediaserver.url,
        tuning=tuning,
    )
    try:
        await runner.run(stop)
    finally:
        await close_channels(channels)
        store.close()
        database.dispose()
