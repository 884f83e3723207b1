"""The inbox page: what was sent, paid and rung, as HTML for people and JSON for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

from simulators.carrier.agent import Carrier
from simulators.sinks.store import Store, to_json
from simulators.sinks.twilio_api import TwilioApi

_HERE = Path(__file__).parent
_SHOWN = 300
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'"


class Inbox:
    """Pages over the store and, where it runs in the same process, the carrier."""

    def __init__(self, store: Store, api: TwilioApi, carrier: Carrier | None = None) -> None:
        self._store = store
        self._api = api
        self._carrier = carrier
        self._templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.page),
            web.get("/style.css", self.style),
            web.get("/mails/{number:[0-9]+}", self.mail),
            web.get("/calls", self.calls),
            web.get("/calls.json", self.calls_json),
            web.get("/sms.json", self.sms_json),
            web.get("/mails.json", self.mails_json),
            web.get("/payments.json", self.payments_json),
            web.post("/reply", self.reply),
        ]

    async def page(self, request: web.Request) -> web.Response:
        return self._render(
            "inbox.html",
            messages=list(self._store.messages)[:_SHOWN],
            mails=list(self._store.mails)[:_SHOWN],
            payments=list(self._store.payments)[:_SHOWN],
            carrier=self._carrier is not None,
        )

    async def mail(self, request: web.Request) -> web.Response:
        mail = self._store.mail(int(request.match_info["number"]))
        if mail is None:
            raise web.HTTPNotFound(text="No such mail; the inbox keeps the latest 5,000.")
        return self._render("mail.html", mail=mail)

    async def calls(self, request: web.Request) -> web.Response:
        return self._render("calls.html", status=self._call_status())

    async def calls_json(self, request: web.Request) -> web.Response:
        return web.json_response(self._call_status())

    async def sms_json(self, request: web.Request) -> web.Response:
        return web.json_response([to_json(sms) for sms in self._store.messages])

    async def mails_json(self, request: web.Request) -> web.Response:
        return web.json_response([to_json(mail) for mail in self._store.mails])

    async def payments_json(self, request: web.Request) -> web.Response:
        return web.json_response([to_json(payment) for payment in self._store.payments])

    async def style(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(_HERE / "static" / "style.css")

    async def reply(self, request: web.Request) -> web.Response:
        """The reader answers a text message as the customer would (STOP, HELP ...)."""
        form = await request.post()
        sender, to, body = (str(form.get(name, "")) for name in ("from", "to", "body"))
        if not (sender and to and body):
            raise web.HTTPBadRequest(text="Fill in from, to and body.")
        await self._api.reply(to, sender, body)
        raise web.HTTPSeeOther("/")

    def _call_status(self) -> dict[str, Any]:
        if self._carrier is None:
            raise web.HTTPNotFound(text="The carrier does not run in this process.")
        return self._carrier.status()

    def _render(self, name: str, **values: Any) -> web.Response:
        text = self._templates.get_template(name).render(**values)
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=headers)
