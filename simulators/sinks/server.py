"""All sinks in one place: one HTTP server and one SMTP server over one store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from simulators.carrier.agent import Carrier
from simulators.carrier.journal import Journal
from simulators.sinks.inbox import Inbox
from simulators.sinks.payment import PaymentSandbox
from simulators.sinks.smtp import SmtpSink
from simulators.sinks.store import Store
from simulators.sinks.twilio_api import ACCOUNT, TOKEN, TwilioApi


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """An address of None switches that sink off; port 0 takes a free one."""

    http: tuple[str, int] | None = ("127.0.0.1", 8025)
    smtp: tuple[str, int] | None = ("127.0.0.1", 2525)
    journal: Path | None = None
    account: str = ACCOUNT
    token: str = TOKEN
    receipt_delay: float = 0.3
    #: Where texts written on the inbox page are posted, as Twilio would post them; "" for nowhere.
    inbound_url: str = ""


class Sinks:
    """`async with Sinks(...) as sinks:` listens until the block ends."""

    def __init__(self, settings: SinkSettings | None = None, carrier: Carrier | None = None) -> None:
        self.settings = settings or SinkSettings()
        self._journal = Journal(self.settings.journal)
        self.store = Store(self._journal)
        self.api = TwilioApi(
            self.store,
            account=self.settings.account,
            token=self.settings.token,
            receipt_delay=self.settings.receipt_delay,
            inbound_url=self.settings.inbound_url,
        )
        self._inbox = Inbox(self.store, self.api, carrier)
        self._runner: web.AppRunner | None = None
        self.smtp: SmtpSink | None = None
        self.http_port = 0

    async def __aenter__(self) -> Sinks:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        host = self.settings.http[0] if self.settings.http else ""
        return f"http://{host}:{self.http_port}"

    async def start(self) -> None:
        if self.settings.http is not None:
            app = web.Application(client_max_size=1 << 20)
            app.add_routes(self.api.routes() + PaymentSandbox(self.store).routes() + self._inbox.routes())
            self._runner = web.AppRunner(app, access_log=None)
            await self._runner.setup()
            await web.TCPSite(self._runner, *self.settings.http).start()
            self.http_port = self._runner.addresses[0][1]
        if self.settings.smtp is not None:
            self.smtp = SmtpSink(self.store, *self.settings.smtp)
            await self.smtp.start()

    async def close(self) -> None:
        await self.api.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self.smtp is not None:
            await self.smtp.close()
        self._journal.close()
