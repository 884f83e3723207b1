"""SIP messages, as little of RFC 3261 as an answering carrier needs: parse, look up, answer, ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

Address = tuple[str, int]

_COMPACT = {
    "i": "call-id",
    "f": "from",
    "t": "to",
    "v": "via",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
    "s": "subject",
}
_REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    607: "Unwanted",
    608: "Rejected",
}
_URI = re.compile(r"sips?:(?:([^@;>]*)@)?([^:;>\s]+)(?::(\d{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`method` and `uri` set) or a response (`status` set). Header names are lower case, in order."""

    headers: tuple[tuple[str, str], ...]
    body: str = ""
    method: str = ""
    uri: str = ""
    status: int = 0

    def get(self, name: str) -> str:
        for known, value in self.headers:
            if known == name:
                return value
        return ""

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    @property
    def call_id(self) -> str:
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        number, _, method = self.get("cseq").strip().partition(" ")
        return (int(number) if number.isdecimal() else 0), method.strip()

    @property
    def branch(self) -> str:
        return parameter(self.get("via").partition(",")[0], "branch")


def parse(data: bytes) -> Message | None:
    """None for what is no SIP message (keep-alives, noise)."""
    text = data.decode("utf-8", "replace")
    head, separator, body = text.partition("\r\n\r\n")
    if not separator:
        return None
    start, *lines = head.split("\r\n")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in " \t" and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if not colon:
            return None
        name = name.strip().lower()
        headers.append((_COMPACT.get(name, name), value.strip()))
    words = start.split(" ", 2)
    if len(words) != 3:
        return None
    if words[0] == "SIP/2.0" and words[1].isdecimal():
        return Message(tuple(headers), body, status=int(words[1]))
    if words[2] == "SIP/2.0":
        return Message(tuple(headers), body, method=words[0], uri=words[1])
    return None


def parameter(value: str, name: str) -> str:
    """A `;name=value` parameter of a header value, "" where it is missing."""
    match = re.search(rf";\s*{name}\s*=\s*\"?([^;,>\"\s]+)", value, re.IGNORECASE)
    return match.group(1) if match else ""


def tag(value: str) -> str:
    """The tag of a From or To value (outside its angle brackets)."""
    return parameter(value.rpartition(">")[2] if ">" in value else value, "tag")


def user_of(uri: str) -> str:
    """The user part without parameters: `+12125550101` of `sip:+12125550101;x=y@host`."""
    match = _URI.search(uri)
    return (match.group(1) or "") if match else ""


def host_of(uri: str) -> Address | None:
    match = _URI.search(uri)
    return (match.group(2), int(match.group(3) or 5060)) if match else None


def uri_of(contact: str) -> str:
    """The URI inside a Contact, Route or To value."""
    inside = re.search(r"<([^>]+)>", contact)
    return inside.group(1) if inside else contact.partition(";")[0].strip()


def response(
    request: Message,
    status: int,
    source: Address,
    *,
    to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: str = "",
) -> bytes:
    """An answer to `request` (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq copied, `received`/`rport` filled in."""
    lines = [f"SIP/2.0 {status} {_REASONS.get(status, 'Unnamed')}"]
    vias = request.all("via")
    lines += [f"Via: {_stamp(vias[0], source)}"] if vias else []
    lines += [f"Via: {via}" for via in vias[1:]]
    if 100 < status < 300:
        lines += [f"Record-Route: {route}" for route in request.all("record-route")]
    to = request.get("to")
    lines.append(f"From: {request.get('from')}")
    lines.append(f"To: {to};tag={to_tag}" if to_tag and not tag(to) else f"To: {to}")
    lines.append(f"Call-ID: {request.call_id}")
    lines.append(f"CSeq: {request.get('cseq')}")
    return _finish(lines, headers, body)


def request(
    method: str,
    uri: str,
    *,
    via: str,
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
    headers: Sequence[tuple[str, str]] = (),
    body: str = "",
) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        f"From: {from_}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
    ]
    return _finish(lines, headers, body)


def _stamp(via: str, source: Address) -> str:
    top, comma, rest = via.partition(",")
    if re.search(r";\s*rport(?![=\w])", top):
        top = re.sub(r";\s*rport(?![=\w])", f";rport={source[1]}", top) + f";received={source[0]}"
    return top + comma + rest


def _finish(lines: list[str], headers: Sequence[tuple[str, str]], body: str) -> bytes:
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
