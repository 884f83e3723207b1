"""SMTP connections that are kept and lent, at most so many at once."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiosmtplib

from common.setting_types import Tls
from common.settings import SmtpSettings

#: Servers hang up on idle and on very long-lived connections; leave before they do.
_IDLE_SECONDS = 20.0
_MESSAGES = 100


@dataclass(slots=True)
class Connection:
    client: aiosmtplib.SMTP
    used: float
    messages: int = 0


class Pool:
    def __init__(
        self,
        settings: SmtpSettings,
        *,
        size: int = 4,
        timeout: float = 30.0,
        tls_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._timeout = timeout
        self._tls_context = tls_context
        self._clock = clock
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that has just proved alive (RSET). It is closed when the block raises, else kept."""
        async with self._places:
            connection = await self._take()
            try:
                yield connection.client
            except BaseException:
                connection.client.close()
                raise
            connection.messages += 1
            connection.used = self._clock()
            if connection.messages < _MESSAGES and connection.client.is_connected:
                self._idle.append(connection)
            else:
                await _leave(connection)

    async def close(self) -> None:
        while self._idle:
            await _leave(self._idle.pop())

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if self._clock() - connection.used < _IDLE_SECONDS and await _alive(connection):
                return connection
            await _leave(connection)
        client = aiosmtplib.SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            username=self._settings.user or None,
            password=self._settings.password or None,
            use_tls=self._settings.tls is Tls.TLS,
            start_tls=self._settings.tls is Tls.STARTTLS,
            tls_context=self._tls_context,
            # Looking the host's own full name up may take seconds where there is no DNS.
            local_hostname=self._settings.sender.rpartition("@")[2].strip("> ") or "localhost",
            timeout=self._timeout,
        )
        await client.connect()
        return Connection(client, self._clock())


async def _alive(connection: Connection) -> bool:
    try:
        await connection.client.rset()
    except (aiosmtplib.SMTPException, OSError):
        return False
    return True


async def _leave(connection: Connection) -> None:
    if connection.client.is_connected:
        try:
            await connection.client.quit()
        except (aiosmtplib.SMTPException, OSError):
            connection.client.close()  # it was going anyway
