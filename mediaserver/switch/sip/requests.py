"""Our INVITE and CANCEL."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace

from common.control import Trunk
from common.errors import Refused
from common.gateways import Gateway
from mediaserver.switch.sip.events import InviteSpec
from mediaserver.switch.sip.message import MAGIC_COOKIE, Headers, Request
from mediaserver.switch.sip.responses import allow_header
from mediaserver.switch.sip.transaction import DEFAULT_PORT
from mediaserver.switch.sip.uri import HOST, ParseError, parse_uri, quote

#: Bytes that networks carry in User-to-User (ITU-T Q.931).
LONGEST_UUI = 128
TRANSPORTS = ("udp", "tcp", "tls", "dns")
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
    #: Where we can be called over TLS, 0 for nowhere.
    tls_port: int = 0

    def over(self, transport: str) -> Identity:
        """What we are to whoever came to us by this transport."""
        return replace(self, transport=transport, port=self.tls_port if transport == "tls" else self.port)

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


def is_number(host: str) -> bool:
    """An IP address, for which DNS has no services."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def check_spec(spec: InviteSpec) -> None:
    """Raise Refused naming the field that cannot go into an INVITE."""
    if spec.trunk.transport not in TRANSPORTS:
        raise Refused(f"trunk.transport: give one of {', '.join(TRANSPORTS)}")
    if not _HOST.fullmatch(bracketed(spec.trunk.host)):
        raise Refused("trunk.host: give a host name or an IP address")
    if not 0 <= spec.trunk.port < 65_536 or (spec.trunk.port == 0 and is_number(spec.trunk.host)):
        raise Refused("trunk.port: give a number from 1 to 65535, or 0 with a host name to have DNS find it")
    for gateway in spec.trunk.gateways:
        try:
            Gateway.parse(gateway)
        except ValueError as error:
            raise Refused(f"trunk.gateways: {error}") from error
    if spec.trunk.proxy and not _AUTHORITY.fullmatch(spec.trunk.proxy):
        raise Refused("trunk.proxy: give a host name or an IP address, with a port where it is not the usual one")
    _party("to", spec.to, "invalid")
    for name, party in (
        ("sender", spec.sender),
        ("identity.asserted", spec.identity.asserted),
        ("identity.diversion", spec.identity.diversion),
        ("referred_by", spec.referred_by),
    ):
        if party:
            _party(name, party, "invalid")
    if len(spec.identity.user_to_user.encode()) > LONGEST_UUI:
        raise Refused(f"identity.user_to_user: {LONGEST_UUI} bytes at most")
    if spec.trunk.domain and not _HOST.fullmatch(bracketed(spec.trunk.domain)):
        raise Refused("trunk.domain: give a host name or an IP address")


def attempt_header(call: str) -> list[tuple[str, str]]:
    """The attempt's id, so that the far end's records can be laid beside ours."""
    return [("X-Clarion-Attempt", call)] if _TOKEN.fullmatch(call) else []


def route_header(trunk: Trunk) -> list[tuple[str, str]]:
    """The outbound proxy, through which every new request goes (8.1.2)."""
    if not trunk.proxy:
        return []
    how = "" if trunk.transport in ("udp", "dns") else f";transport={trunk.transport}"
    return [("Route", f"<sip:{trunk.proxy}{how};lr>")]


def target_uri(spec: InviteSpec) -> str:
    """The Request-URI: the number at the trunk, as it is dialled there, or the URI asked for."""
    trunk = bracketed(spec.trunk.host)
    trunk = trunk if spec.trunk.port in (0, DEFAULT_PORT) else f"{trunk}:{spec.trunk.port}"
    dialled = spec.dialled.get(spec.trunk.name)
    # Of what may be dialled # alone has no place in a URI as it is (RFC 3261 25.1).
    return f"sip:{dialled.replace('#', '%23')}@{trunk}" if dialled else _party("to", spec.to, trunk)


def sender_uri(spec: InviteSpec, identity: Identity) -> str:
    return _party("sender", spec.sender or "anonymous", domain_of(spec.trunk, identity))


def domain_of(trunk: Trunk, identity: Identity) -> str:
    """What stands behind the @ of our own addresses."""
    return bracketed(trunk.domain) if trunk.domain else identity.authority


def identity_headers(spec: InviteSpec, identity: Identity) -> list[tuple[str, str]]:
    """Who calls, for the trunk and for the called party's system."""
    caller, domain = spec.identity, domain_of(spec.trunk, identity)
    headers = []
    asserted = caller.asserted or (spec.sender if caller.private else "")
    if asserted:
        headers.append(("P-Asserted-Identity", f"<{_party('identity.asserted', asserted, domain)}>"))
    if caller.private:
        headers.append(("Privacy", "id"))
    if caller.diversion:
        party = _party("identity.diversion", caller.diversion, domain)
        headers.append(("Diversion", f"<{party}>;reason=unconditional"))
    if caller.user_to_user:
        headers.append(("User-to-User", f"{caller.user_to_user.encode().hex()};encoding=hex"))
    return headers


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
    if spec.identity.private:
        # RFC 3323 4.1.1.3.
        sender, display = "sip:anonymous@anonymous.invalid", '"Anonymous" '
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
            *identity_headers(spec, identity),
            *([("Referred-By", f"<{spec.referred_by}>")] if spec.referred_by else []),
            allow_header(spec.may_refer),
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
