"""SIP messages: one parser, one serialiser (RFC 3261 sections 7 and 20).

The parser is strict where a wrong guess would act on the wrong call (start line, Via, From, To, Call-ID, CSeq,
Content-Length) and leaves every other header as text. Whatever the bytes are, it raises nothing but `ParseError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from common.masking import mask_text
from mediaserver.switch.sip.uri import (
    HOST,
    TOKEN,
    NameAddr,
    ParseError,
    SipUri,
    check_uri,
    parse_name_addr,
    parse_params,
    parse_uri,
    split_commas,
)

MAGIC_COOKIE = "z9hG4bK"
_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_SPELLING = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "www-authenticate": "WWW-Authenticate",
    "mime-version": "MIME-Version",
    "min-se": "Min-SE",
    "rack": "RAck",
    "rseq": "RSeq",
    "p-asserted-identity": "P-Asserted-Identity",
}
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length")
_REQUEST_LINE = re.compile(rf"({TOKEN}) (\S+) SIP/([0-9]+\.[0-9]+)")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.DOTALL)
_NAME = re.compile(rf"({TOKEN})\s*")
_CSEQ = re.compile(rf"([0-9]{{1,10}})\s+({TOKEN})")
_VIA = re.compile(rf"\s*SIP\s*/\s*2\.0\s*/\s*({TOKEN})\s+({HOST})(?:\s*:\s*([0-9]{{1,5}}))?", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,10}")
_CALL_ID = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Via:
    """The top Via: who sent this message and the transaction it belongs to."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str]

    @property
    def branch(self) -> str:
        return self.params.get("branch", "")

    @property
    def is_rfc3261(self) -> bool:
        """The branch is unique to one transaction (section 17.2.3); otherwise match as RFC 2543 did."""
        return self.branch.startswith(MAGIC_COOKIE) and len(self.branch) > len(MAGIC_COOKIE)


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str


class Headers:
    """Header fields in order; names in lower case, compact forms spelt out."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = [(canonical(name), value) for name, value in items]

    def get(self, name: str) -> str | None:
        return next((value for key, value in self._items if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._items if key == name]

    def list(self, name: str) -> list[str]:
        """Every element of a comma-separated header, over all its lines."""
        return [part for value in self.all(name) for part in split_commas(value) if part]

    def add(self, name: str, value: str) -> None:
        self._items.append((canonical(name), value))

    def with_first(self, name: str, value: str) -> Headers:
        """A copy whose first header of that name has another value."""
        items = list(self._items)
        place = next(index for index, (key, _) in enumerate(items) if key == name)
        items[place] = (name, value)
        return Headers(items)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)


def canonical(name: str) -> str:
    lowered = name.lower()
    return _COMPACT.get(lowered, lowered)


class Message:
    """What requests and responses share. The typed properties raise ParseError on malformed headers."""

    def __init__(self, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body

    @cached_property
    def via(self) -> Via:
        return parse_via(split_commas(self._required("via"))[0])

    @cached_property
    def from_addr(self) -> NameAddr:
        return parse_name_addr(self._required("from"))

    @cached_property
    def to_addr(self) -> NameAddr:
        return parse_name_addr(self._required("to"))

    @cached_property
    def call_id(self) -> str:
        value = self._required("call-id")
        if not _CALL_ID.fullmatch(value):
            raise ParseError("Call-ID: malformed")
        return value

    @cached_property
    def cseq(self) -> CSeq:
        match = _CSEQ.fullmatch(self._required("cseq"))
        if match is None or int(match[1]) >= 2**31:
            raise ParseError("CSeq: malformed or too large")
        return CSeq(int(match[1]), match[2])

    @cached_property
    def contact(self) -> NameAddr | None:
        values = self.headers.list("contact")
        return parse_name_addr(values[0]) if values and values[0] != "*" else None

    @property
    def content_type(self) -> str:
        return (self.headers.get("content-type") or "").partition(";")[0].strip().lower()

    @property
    def sdp(self) -> bytes:
        """The body when it is a session description, else nothing."""
        return self.body if self.content_type == "application/sdp" else b""

    def start_line(self) -> str:
        raise NotImplementedError

    def serialize(self) -> bytes:
        lines = [self.start_line()]
        lines += [f"{_spell(name)}: {value}" for name, value in self.headers if name != "content-length"]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def _required(self, name: str) -> str:
        value = self.headers.get(name)
        if not value:
            raise ParseError(f"{_spell(name)}: missing")
        return value

    def _check(self) -> None:
        """Touch every header the transaction layer acts on."""
        for name in _SINGLE:
            if len(self.headers.all(name)) > 1:
                raise ParseError(f"{_spell(name)}: given more than once")
        _ = (self.via, self.from_addr, self.to_addr, self.call_id, self.cseq)


class Request(Message):
    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri

    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    @cached_property
    def sip_uri(self) -> SipUri:
        return parse_uri(self.uri)

    @property
    def dialled(self) -> str:
        """The user of the Request-URI; "" where there is none, or the URI is of another scheme."""
        return (self.sip_uri.user or "") if self._has_sip_uri() else ""

    def _has_sip_uri(self) -> bool:
        return check_uri(self.uri).lower().startswith(("sip:", "sips:"))

    def check(self) -> None:
        self._check()
        if self._has_sip_uri() and self.sip_uri.headers:
            raise ParseError("Request-URI: headers are not allowed here (19.1.1)")
        if self.cseq.method != self.method:
            raise ParseError("CSeq: the method is not the request's")
        hops = self.headers.get("max-forwards")
        if hops is not None and not (_DIGITS.fullmatch(hops) and int(hops) <= 255):
            raise ParseError("Max-Forwards: not a number from 0 to 255")
        for contact in self.headers.list("contact"):
            if contact != "*":
                parse_name_addr(contact)


class Response(Message):
    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def check(self) -> None:
        self._check()


def shown(text: str) -> str:
    """A peer's words for our logs and reports: short, printable and without phone numbers."""
    return mask_text("".join(character if character.isprintable() else "?" for character in text[:80]))


def parse_via(text: str) -> Via:
    match = _VIA.match(text)
    if match is None:
        raise ParseError("Via: malformed")
    port = int(match[3]) if match[3] else None
    if port is not None and port > 65_535:
        raise ParseError("Via: port above 65535")
    return Via(match[1].upper(), match[2].lower(), port, parse_params(text, match.end()))


def retransported(via: str, transport: str) -> str:
    """A Via of ours as it is written for another transport."""
    return re.sub(r"^SIP/2\.0/[A-Z]+", f"SIP/2.0/{transport.upper()}", via)


def parse_message(data: bytes) -> Request | Response:
    """Read one datagram. Raise ParseError, with the request that can be answered where there is one."""
    head, blank, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank:
        head, _, body = data.lstrip(b"\r\n").partition(b"\n\n")
    lines = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    if "\0" in lines[0] or "\r" in lines[0]:
        raise ParseError("start line: control character")
    message, error = _start(lines[0])
    try:
        message.headers = _headers(lines[1:])
        if error is not None:
            raise error
        message.check()
        message.body = _body(message.headers, body)
    except ParseError as problem:
        if isinstance(message, Request):
            problem.request = message
        raise
    return message


def _start(line: str) -> tuple[Request | Response, ParseError | None]:
    """The message without its headers, and what is wrong with a start line that can still be answered."""
    if match := _STATUS_LINE.fullmatch(line):
        return Response(int(match[1]), match[2] or "", Headers()), None
    if match := _REQUEST_LINE.fullmatch(line):
        error = None
        if match[3] != "2.0":
            error = ParseError("start line: not SIP/2.0", status=505)
        return Request(match[1], match[2], Headers()), error
    if line.startswith("SIP/"):
        raise ParseError("status line: malformed")
    method, _, rest = line.partition(" ")
    if "SIP/" not in rest or not _NAME.fullmatch(method):
        raise ParseError("start line: neither a request nor a response")
    return Request(method, rest.strip().partition(" ")[0], Headers()), ParseError("request line: malformed")


def _headers(lines: list[str]) -> Headers:
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if not unfolded:
                raise ParseError("header: continuation before the first header")
            unfolded[-1] += " " + line.strip()
        elif line:
            unfolded.append(line)
    headers = Headers()
    for line in unfolded:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise ParseError("header: no name before the colon")
        if "\r" in value:
            raise ParseError("header: bare carriage return")
        headers.add(name.rstrip(), value.strip())
    return headers


def _body(headers: Headers, body: bytes) -> bytes:
    """Over UDP the datagram ends the body; Content-Length may shorten it (18.3), never lengthen it."""
    length = headers.get("content-length")
    if length is None:
        return body
    if not _DIGITS.fullmatch(length) or int(length) > len(body):
        raise ParseError("Content-Length: not the body's length")
    return body[: int(length)]


def _spell(name: str) -> str:
    return _SPELLING.get(name) or "-".join(part.capitalize() for part in name.split("-"))
