"""The part of Twilio's messaging API that Clarion uses, with failures by number suffix.

    POST /2010-04-01/Accounts/{sid}/Messages.json     To, From, Body, StatusCallback
    GET  /2010-04-01/Accounts/{sid}/Messages.json     To, From, DateSent, DateSent>, DateSent<, PageSize

Status callbacks are posted to loopback addresses alone and signed with X-Twilio-Signature.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp import web

from simulators.sinks.store import Sms, Store, now

log = structlog.get_logger()

ACCOUNT = "AC" + "0" * 32
TOKEN = "simulated-provider"  # noqa: S105 - a stand-in for tests, open on purpose
_NUMBER = re.compile(r"\+\d{7,15}")


@dataclass(frozen=True, slots=True)
class Failure:
    """What a number suffix does instead of taking the message."""

    about: str
    #: HTTP status of a refusal, 0 when the message is taken.
    status: int = 0
    code: int = 0
    #: The final status of a message that is taken: delivered, undelivered, failed, or sent where no receipt comes.
    final: str = "delivered"
    #: The connection is cut before an answer: "lost reply" (message taken) or "lost request" (not taken).
    cut: str = ""
    delay: float = 0.0
    #: Seconds before it is taken; whoever hangs up meanwhile has sent nothing.
    hold: float = 0.0


#: Last two digits of To -> what happens; every other number is delivered.
FAILURES: Mapping[str, Failure] = {
    "02": Failure("taken and sent, no delivery receipt", final="sent"),
    "04": Failure("400, 21211 invalid To number", status=400, code=21211),
    "05": Failure("undelivered, 30003 unreachable handset", final="undelivered", code=30003),
    "06": Failure("429, 20429 too many requests", status=429, code=20429),
    "07": Failure("taken, the reply is lost", cut="lost reply"),
    "08": Failure("not taken, the connection is cut", cut="lost request"),
    "09": Failure("failed, 30001 queue overflow", final="failed", code=30001),
    "11": Failure("taken, answered after 3 s", delay=3.0),
    "12": Failure("taken and answered after 8 s, unless the connection closes", hold=8.0),
    "14": Failure("taken, answered after 8 s", delay=8.0),
    "22": Failure("400, 21614 not a mobile number", status=400, code=21614),
    "25": Failure("500, 20500 internal server error", status=500, code=20500),
    "27": Failure("undelivered, 30007 filtered by the carrier", final="undelivered", code=30007),
    "28": Failure("undelivered, 30005 unknown handset", final="undelivered", code=30005),
    "29": Failure("503 with a page that is no JSON", status=503),
    "47": Failure("400, 21610 recipient has opted out", status=400, code=21610),
    "97": Failure("undelivered, 30003 unreachable handset", final="undelivered", code=30003),
    "98": Failure("400, 21614 not a mobile number", status=400, code=21614),
}
_DELIVERED = Failure("delivered")
_MESSAGES = {
    20003: "Authenticate",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21211: "The 'To' number is not a valid phone number.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
}


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted form fields, in base64."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class TwilioApi:
    """aiohttp handlers over a store. `receipt_delay` seconds lie between queued, sent and delivered."""

    def __init__(
        self,
        store: Store,
        *,
        account: str = ACCOUNT,
        token: str = TOKEN,
        receipt_delay: float = 0.3,
        inbound_url: str = "",
    ) -> None:
        self.store = store
        self.account = account
        self._token = token
        self._delay = receipt_delay
        self.inbound_url = inbound_url
        self._opted_out: set[str] = set()
        self._receipts: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        path = "/2010-04-01/Accounts/{account}/Messages.json"
        return [web.post(path, self.create), web.get(path, self.list)]

    async def close(self) -> None:
        for task in self._receipts:
            task.cancel()
        await asyncio.gather(*self._receipts, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    async def create(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _error(401, 20003)
        form = {name: str(value) for name, value in (await request.post()).items()}
        refusal = _check(form)
        if refusal:
            return _error(400, refusal)
        to = form["To"]
        failure = FAILURES.get(to[-2:], _DELIVERED)
        if failure.status or to in self._opted_out:
            return _refuse(failure if failure.status else FAILURES["47"])
        if failure.cut == "lost request":
            return _cut(request)
        if failure.hold:
            self.store.journal.write("sms_held", to=to)
            await asyncio.sleep(failure.hold)
            if request.transport is None:
                return _cut(request)
        sms = Sms(
            sid=f"SM{secrets.token_hex(16)}",
            to=to,
            sender=form.get("From") or form["MessagingServiceSid"],
            body=form["Body"],
            status="queued",
            callback=form.get("StatusCallback", ""),
        )
        self.store.add_sms(sms)
        self._start(self._receive(sms, failure))
        if failure.delay:
            await asyncio.sleep(failure.delay)
        if failure.cut:
            return _cut(request)
        return web.json_response(self._describe(sms), status=201)

    async def list(self, request: web.Request) -> web.Response:
        if not self._authorized(request):
            return _error(401, 20003)
        query = request.query
        found = [
            self._describe(sms)
            for sms in self.store.messages
            if query.get("To", sms.to) == sms.to
            and query.get("From", sms.sender) == sms.sender
            and _sent_within(sms, query)
        ]
        size = min(int(query.get("PageSize", 50)), 1000)
        page = {"page": 0, "page_size": size, "start": 0, "end": max(len(found[:size]) - 1, 0)}
        links = {"first_page_uri": request.path_qs, "next_page_uri": None, "previous_page_uri": None}
        return web.json_response({"messages": found[:size], "uri": request.path_qs, **page, **links})

    async def reply(self, to: str, sender: str, body: str) -> int:
        """A customer writes back: post it to the inbound webhook; answers its HTTP status, 0 when there is none."""
        sms = Sms(f"SM{secrets.token_hex(16)}", to=to, sender=sender, body=body, status="received", inbound=True)
        self.store.add_sms(sms)
        if body.strip().upper() in ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"):
            self._opted_out.add(sender)
        elif body.strip().upper() in ("START", "YES", "UNSTOP"):
            self._opted_out.discard(sender)
        if not self.inbound_url:
            return 0
        form = {"MessageSid": sms.sid, "AccountSid": self.account, "From": sender, "To": to, "Body": body}
        return await self._post(self.inbound_url, form)

    # --- receipts ---------------------------------------------------------------------------------------

    async def _receive(self, sms: Sms, failure: Failure) -> None:
        await self._report(sms)
        await asyncio.sleep(self._delay)
        sms.status, sms.sent = "sent", now()
        if failure.final != "failed":
            await self._report(sms)
            await asyncio.sleep(self._delay)
        if failure.final != "sent":
            sms.status = failure.final
            sms.error_code = failure.code or None
            await self._report(sms)

    async def _report(self, sms: Sms) -> None:
        if not sms.callback:
            return
        form = {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "From": sms.sender,
            "MessageSid": sms.sid,
            "MessageStatus": sms.status,
            "SmsSid": sms.sid,
            "SmsStatus": sms.status,
            "To": sms.to,
        }
        if sms.error_code is not None:
            form["ErrorCode"] = str(sms.error_code)
        await self._post(sms.callback, form)

    async def _post(self, url: str, form: Mapping[str, str]) -> int:
        if not _is_loopback(url):
            log.warning("sink_callback_refused", host=urlsplit(url).hostname, why="not a loopback address")
            return 0
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        headers = {"X-Twilio-Signature": signature(self._token, url, form)}
        for pause in (0.5, 2.0, None):
            try:
                async with self._http.post(url, data=form, headers=headers) as response:
                    if response.status < 500 or pause is None:
                        return response.status
            except (aiohttp.ClientError, TimeoutError) as error:
                log.info("sink_callback_failed", error=str(error))
            if pause is not None:
                await asyncio.sleep(pause)
        return 0

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._receipts.add(task)
        task.add_done_callback(self._receipts.discard)

    def _authorized(self, request: web.Request) -> bool:
        wanted = base64.b64encode(f"{self.account}:{self._token}".encode()).decode("ascii")
        given = request.headers.get("Authorization", "")
        return given == f"Basic {wanted}" and request.match_info["account"] == self.account

    def _describe(self, sms: Sms) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{sms.sid}.json"
        return {
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": sms.body,
            "date_created": format_datetime(sms.created),
            "date_sent": format_datetime(sms.sent) if sms.sent else None,
            "date_updated": format_datetime(sms.sent or sms.created),
            "direction": "inbound" if sms.inbound else "outbound-api",
            "error_code": sms.error_code,
            "error_message": None,
            "from": sms.sender,
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "sid": sms.sid,
            "status": sms.status,
            "subresource_uris": {"media": uri.replace(".json", "/Media.json")},
            "to": sms.to,
            "uri": uri,
        }


def _check(form: Mapping[str, str]) -> int:
    """Twilio's code for a form it would refuse, 0 when it is right."""
    if not form.get("To"):
        return 21604
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return 21603
    if not form.get("Body"):
        return 21602
    return 0 if _NUMBER.fullmatch(form["To"]) else 21211


def _sent_within(sms: Sms, query: Mapping[str, str]) -> bool:
    # As at Twilio, DateSent leaves out what is still queued.
    limits = [(name, query[name]) for name in ("DateSent", "DateSent>", "DateSent<") if name in query]
    if not limits:
        return True
    if sms.sent is None:
        return False
    for name, text in limits:
        whole_day = len(text) == 10
        limit = datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=sms.sent.tzinfo)
        if name == "DateSent>" and sms.sent < limit:
            return False
        if name == "DateSent<" and (sms.sent.date() > limit.date() if whole_day else sms.sent > limit):
            return False
        if name == "DateSent" and sms.sent.date() != limit.date():
            return False
    return True


def _refuse(failure: Failure) -> web.Response:
    if not failure.code:
        return web.Response(status=failure.status, text="<html>upstream unavailable</html>", content_type="text/html")
    return _error(failure.status, failure.code)


def _error(status: int, code: int) -> web.Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": _MESSAGES[code], "more_info": more, "status": status}
    return web.json_response(body, status=status)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
