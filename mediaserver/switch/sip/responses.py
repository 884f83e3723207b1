"""Responses of ours (RFC 3261 8.2.6) and what we say we can do."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mediaserver.switch.sip.message import Headers, Request, Response
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError, split_commas

REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    603: "Decline",
}
ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "NOTIFY")
#: Methods we know of and do not take (405); anything else is unknown (501).
KNOWN = frozenset({*ALLOW, "REGISTER", "SUBSCRIBE", "REFER", "MESSAGE", "PUBLISH", "PRACK"})
ALLOW_HEADER = ("Allow", ", ".join(ALLOW))
ACCEPT_HEADER = ("Accept", "application/sdp")

_RPORT = re.compile(r";\s*rport\s*=?", re.IGNORECASE)


def allow_header(may_refer: bool) -> tuple[str, str]:
    """Of a call; REFER is for agents' phones alone."""
    return ("Allow", ", ".join((*ALLOW, "REFER"))) if may_refer else ALLOW_HEADER


def make_response(
    request: Request,
    status: int,
    source: Address,
    *,
    to_tag: str = "",
    headers: Iterable[tuple[str, str]] = (),
    sdp: bytes = b"",
) -> Response:
    """Copies what a response must copy, even from a request malformed elsewhere; `to_tag` is added if absent."""
    copied = Headers()
    vias = [part for value in request.headers.all("via") for part in split_commas(value)]
    for index, via in enumerate(vias):
        copied.add("Via", _stamp(request, via, source) if index == 0 else via)
    copied.add("From", request.headers.get("from") or "")
    copied.add("To", _tagged(request, to_tag))
    for name in ("call-id", "cseq"):
        copied.add(name, request.headers.get(name) or "")
    copied = Headers((name, value) for name, value in copied if value)
    if request.method == "INVITE" and 100 < status < 300:
        for value in request.headers.all("record-route"):
            copied.add("Record-Route", value)
    for name, value in headers:
        copied.add(name, value)
    if sdp:
        copied.add("Content-Type", "application/sdp")
    return Response(status, REASONS[status], copied, sdp)


def _tagged(request: Request, to_tag: str) -> str:
    value = request.headers.get("to") or ""
    try:
        has_tag = bool(request.to_addr.tag)
    except ParseError:
        has_tag = True
    return value if has_tag or not to_tag else f"{value};tag={to_tag}"


def _stamp(request: Request, via: str, source: Address) -> str:
    """`received` where the sender gave another host, the port where it asked for it (18.2.1, RFC 3581)."""
    try:
        sender = request.via
    except ParseError:
        return via
    asked = "rport" in sender.params
    if asked and not sender.params["rport"]:
        via = _RPORT.sub(f";rport={source.port}", via, count=1)
    if (asked or sender.host.strip("[]") != source.host) and "received" not in sender.params:
        via = f"{via};received={source.host}"
    return via
