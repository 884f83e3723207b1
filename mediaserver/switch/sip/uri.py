"""SIP URIs and name-addrs (RFC 3261 sections 19.1 and 25.1), and the one error of all our parsers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from common.errors import ClarionError

if TYPE_CHECKING:
    from mediaserver.switch.sip.message import Request

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"  # noqa: S105 - the grammar's word, not a secret
QUOTED = r'"(?:[^"\\]|\\.)*"'
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*))"

_SIP_URI = re.compile(
    r"(?P<scheme>sips?):"
    r"(?:(?P<user>[A-Za-z0-9\-_.!~*'()&=+$,;?/%:#\[\]]+)@)?"
    rf"(?P<host>{HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<params>(?:;[^;?\s<>\"@]+)*)(?:\?(?P<headers>[^\s<>\"]*))?",
    re.IGNORECASE,
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"]+")
_NAME_ADDR = re.compile(rf"\s*(?P<display>{QUOTED}|{TOKEN}(?:\s+{TOKEN})*|)\s*<(?P<uri>[^<>\s]+)>", re.DOTALL)
_ADDR_SPEC = re.compile(r"\s*(?P<uri>[^<>\s;?,\"]+)")
_PARAM = re.compile(rf"\s*;\s*(?P<name>{TOKEN})(?:\s*=\s*(?P<value>{QUOTED}|[^\s;,\"]+))?", re.DOTALL)
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)


class ParseError(ClarionError):
    """This is not SIP. `status` is what a request of this kind deserves; `request` what of it can be answered."""

    def __init__(self, message: str = "", *, status: int = 400, request: Request | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.request = request


@dataclass(frozen=True, slots=True)
class SipUri:
    """A sip: or sips: URI. `user` keeps its escapes and any password; `port` is None where unwritten."""

    host: str
    user: str | None = None
    port: int | None = None
    scheme: str = "sip"
    params: tuple[tuple[str, str | None], ...] = ()
    headers: str = ""

    def param(self, name: str) -> str | None:
        """The parameter's value, "" where it has none, None where it is absent."""
        return next((value or "" for key, value in self.params if key == name), None)

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user is not None else ""
        port = f":{self.port}" if self.port is not None else ""
        params = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in self.params)
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{params}{headers}"


def parse_uri(text: str) -> SipUri:
    """Raise ParseError when `text` is no sip: or sips: URI."""
    match = _SIP_URI.fullmatch(text)
    if match is None or _BAD_ESCAPE.search(text):
        raise ParseError("not a SIP URI")
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > 65_535:
        raise ParseError("the URI's port is above 65535")
    params: list[tuple[str, str | None]] = []
    for part in match["params"].split(";")[1:]:
        name, equals, value = part.partition("=")
        params.append((name.lower(), value if equals else None))
    return SipUri(
        host=match["host"].lower(),
        user=match["user"],
        port=port,
        scheme=match["scheme"].lower(),
        params=tuple(params),
        headers=match["headers"] or "",
    )


def check_uri(text: str) -> str:
    """Return `text` when it is a URI of any scheme, a well-formed one where the scheme is SIP's."""
    if text[:4].lower() == "sip:" or text[:5].lower() == "sips:":
        parse_uri(text)
    elif not _SCHEME.fullmatch(text):
        raise ParseError("not a URI")
    return text


_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of From, To, Contact, Route: display name (unquoted), URI as written, parameters."""

    uri: str
    display: str = ""
    params: Mapping[str, str] = field(default_factory=lambda: _NO_PARAMS)

    @property
    def tag(self) -> str:
        """The tag, "" where there is none (RFC 2543 peers)."""
        return self.params.get("tag", "")


def parse_name_addr(text: str) -> NameAddr:
    match = _NAME_ADDR.match(text)
    display = ""
    if match is not None:
        display = unquote(match["display"])
    else:
        # Without brackets the first ";" begins header parameters, and "?" or "," may not occur (20.10).
        match = _ADDR_SPEC.match(text)
        if match is None:
            raise ParseError("not an address")
    return NameAddr(check_uri(match["uri"]), display, parse_params(text, match.end()))


def parse_params(text: str, start: int) -> dict[str, str]:
    """The `;name=value` list from `start` to the end of `text`; names in lower case, values unquoted."""
    params: dict[str, str] = {}
    end = start
    while match := _PARAM.match(text, end):
        params.setdefault(match["name"].lower(), unquote(match["value"] or ""))
        end = match.end()
    if text[end:].strip():
        raise ParseError("malformed parameters")
    return params


def unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == '"':
        return _UNESCAPE.sub(r"\1", text[1:-1])
    return text


def quote(text: str) -> str:
    """A quoted-string; control characters are dropped, since none may leave us inside a header."""
    clean = "".join(character for character in text if character.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_commas(text: str) -> list[str]:
    """Split a header's list at commas outside quotes and brackets."""
    if "," not in text:
        return [text.strip()]
    parts, depth, quoted, start, skip = [], 0, False, 0, False
    for index, character in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return parts
