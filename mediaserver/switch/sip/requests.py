"""Our INVITE and CANCEL."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from common.control import Trunk
from common.errors import Refused
from mediaserver.switch.sip.events import InviteSpec
from mediaserver.switch.sip.message import MAGIC_COOKIE, Headers, Request
from mediaserver.switch.sip.responses import ALLOW_HEADER
from mediaserver.switch.sip.transaction import DEFAULT_PORT
from mediaserver.switch.sip.uri import HOST, ParseError, parse_uri, quote

TRANSPORTS = ("udp", "tcp", "tls")
_NUMBER = re.compile(r"\+?[0-9]{1,15}")
_HOST = re.compile(HOST)
_AUTHORITY = re.compile(rf"{HOST}(?::[0-9]{{1,5}})?")
#: What may stand in a header as it is; an attempt id always may.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What we write of ourselves: the host and port that reach us over `transport`, and our product name."""

    host: str
    port: int
    user_agent: str = "Clarion"
    transport: str = "udp"

    @property
    def authority(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def contact(self) -> str:
        how = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"<sip:clarion@{self.authority}{how}>"

    def via(self, token: str, transport: str = "") -> str:
        """Of a request that leaves by `transport`, our own unless another is given."""
        return f"SIP/2.0/{(transport or self.transport).upper()} {self.authority};branch={MAGIC_COOKIE}-{token};rport"


def identity_of(request: Request, like: Identity) -> Identity:
    """What we were in a request of ours that has left."""
    via = request.via
    return replace(like, host=via.host.strip("[]"), port=via.port or DEFAULT_PORT, transport=via.transport.lower())


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def check_spec(spec: InviteSpec) -> None:
    """Raise Refused naming the field that cannot go into an INVITE."""
    if spec.trunk.transport not in TRANSPORTS:
        raise Refused(f"trunk.transport: give one of {', '.join(TRANSPORTS)}")
    if not _HOST.fullmatch(bracketed(spec.trunk.host)):
        raise Refused("trunk.host: give a host name or an IP address")
    if not 0 < spec.trunk.port < 65_536:
        raise Refused("trunk.port: give a number from 1 to 65535")
    if spec.trunk.proxy and not _AUTHORITY.fullmatch(spec.trunk.proxy):
        raise Refused("trunk.proxy: give a host name or an IP address, with a port where it is not the usual one")
    _party("to", spec.to, "invalid")
    if spec.sender:
        _party("sender", spec.sender, "invalid")


def attempt_header(call: str) -> list[tuple[str, str]]:
    """The attempt's id, so that the far end's records can be laid beside ours."""
    return [("X-Clarion-Attempt", call)] if _TOKEN.fullmatch(call) else []


def route_header(trunk: Trunk) -> list[tuple[str, str]]:
    """The outbound proxy, through which every new request goes (8.1.2)."""
    if not trunk.proxy:
        return []
    how = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    return [("Route", f"<sip:{trunk.proxy}{how};lr>")]


def target_uri(spec: InviteSpec) -> str:
    """The Request-URI: the number at the trunk, or the URI asked for."""
    trunk = bracketed(spec.trunk.host)
    trunk = trunk if spec.trunk.port == DEFAULT_PORT else f"{trunk}:{spec.trunk.port}"
    return _party("to", spec.to, trunk)


def sender_uri(spec: InviteSpec, identity: Identity) -> str:
    return _party("sender", spec.sender or "anonymous", identity.authority)


def make_invite(
    spec: InviteSpec,
    identity: Identity,
    *,
    target: str,
    via: str,
    call_id: str,
    tag: str,
    cseq: int,
    extra: list[tuple[str, str]],
) -> Request:
    """`target` is the Request-URI; To keeps who was called first, whatever redirected the call."""
    sender = sender_uri(spec, identity)
    display = f"{quote(spec.display_name)} " if spec.display_name else ""
    headers = Headers(
        [
            ("Via", via),
            *route_header(spec.trunk),
            ("Max-Forwards", "70"),
            ("From", f"{display}<{sender}>;tag={tag}"),
            ("To", f"<{target_uri(spec)}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} INVITE"),
            ("Contact", identity.contact),
            ("User-Agent", identity.user_agent),
            *attempt_header(spec.call),
            ALLOW_HEADER,
            ("Supported", "100rel, timer"),
            *extra,
            ("Content-Type", "application/sdp"),
        ]
    )
    return Request("INVITE", target, headers, spec.sdp)


def make_cancel(invite: Request) -> Request:
    """The CANCEL of an INVITE carries its very Via, so its branch (9.1)."""
    headers = Headers()
    for name in ("via", "route", "max-forwards", "from", "to", "call-id"):
        for value in invite.headers.all(name):
            headers.add(name, value)
    headers.add("CSeq", f"{invite.cseq.number} CANCEL")
    return Request("CANCEL", invite.uri, headers)


def _party(name: str, text: str, authority: str) -> str:
    """A number or user becomes a URI at `authority`; a SIP URI stays as it is."""
    if _NUMBER.fullmatch(text) or text == "anonymous":
        return f"sip:{text}@{authority}"
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise Refused(f"{name}: use + and digits, or a SIP URI") from error
    if uri.headers:
        raise Refused(f"{name}: a URI with ?headers cannot be called")
    return text
