"""Dialogs (RFC 3261 section 12), seen from the side that sent the INVITE."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from mediaserver.switch.sip.message import Headers, Request, Response
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.transaction import DEFAULT_PORT, TLS_PORT, Address
from mediaserver.switch.sip.uri import ParseError, SipUri, parse_name_addr, parse_uri


@dataclass(slots=True)
class Sequence:
    """The CSeq numbers of our requests in one call: rising, whichever of its dialogs they are for."""

    number: int = 0

    def next(self) -> int:
        self.number += 1
        return self.number


@dataclass(slots=True)
class Dialog:
    """One leg with one far end. `local` and `remote` are header values with their tags; `trunk` is where the INVITE
    went, `identity` what we are there."""

    trunk: Address
    identity: Identity
    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    remote_target: str
    route_set: tuple[str, ...]
    sequence: Sequence
    remote_cseq: int | None = None
    #: The far end's INVITE whose ACK is awaited.
    unacknowledged: int | None = None
    #: The far end has connected to us over TLS: whoever does has no certificate as a rule, so we cannot go to it.
    by_their_connection: bool = False

    def next_cseq(self) -> int:
        return self.sequence.next()

    @property
    def request_uri(self) -> str:
        return self._target_and_routes()[0]

    def request(self, method: str, token: str, cseq: int, extra: list[tuple[str, str]], body: bytes = b"") -> Request:
        """A request inside the dialog (12.2.1.1); the CSeq number is the caller's, since an ACK repeats one."""
        uri, routes = self._target_and_routes()
        via = self.identity.via(token, self.destination.transport)
        headers = Headers([("Via", via), *(("Route", route) for route in routes), ("Max-Forwards", "70")])
        for name, value in (("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)):
            headers.add(name, value)
        headers.add("CSeq", f"{cseq} {method}")
        for name, value in extra:
            headers.add(name, value)
        return Request(method, uri, headers, body)

    def acknowledge(self, invite: Request, token: str) -> Request:
        """The ACK of a 2xx, with the INVITE's own credentials (13.2.2.4, 22.1)."""
        names = ("authorization", "proxy-authorization")
        extra = [(name, value) for name in names for value in invite.headers.all(name)]
        return self.request("ACK", token, invite.cseq.number, extra)

    @property
    def destination(self) -> Address:
        """The next hop where it is an IP address; else the trunk, which knows the way. TLS is never given up."""
        hop, trunk = self.next_hop(), self.trunk
        if self.by_their_connection:
            return trunk
        if hop is None or not _is_reachable(hop.host):
            return trunk
        asked = (hop.param("transport") or "").lower()
        transport = asked if asked in ("udp", "tcp", "tls") and trunk.transport != "tls" else trunk.transport
        port = hop.port or (TLS_PORT if transport == "tls" else DEFAULT_PORT)
        return Address(hop.host.strip("[]"), port, transport, trunk.name)

    def next_hop(self) -> SipUri | None:
        """The URI of the host our requests go to; None where the far end's is no SIP URI."""
        try:
            return parse_uri(parse_name_addr(self.route_set[0]).uri if self.route_set else self.remote_target)
        except ParseError:
            return None

    def retarget(self, request: Request) -> None:
        """A target refresh (re-INVITE, UPDATE) moves where we send to (12.2.2)."""
        if request.contact is not None:
            self.remote_target = request.contact.uri

    def is_in_order(self, request: Request) -> bool:
        """Remember the request's CSeq; False when it is older than one seen already (12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def _target_and_routes(self) -> tuple[str, tuple[str, ...]]:
        if not self.route_set:
            return self.remote_target, ()
        first = parse_name_addr(self.route_set[0]).uri
        try:
            loose = parse_uri(first).param("lr") is not None
        except ParseError:
            loose = True
        if loose:
            return self.remote_target, self.route_set
        # A strict router of RFC 2543 wants to be the Request-URI and the target last in the route.
        return first, (*self.route_set[1:], f"<{self.remote_target}>")


def _is_reachable(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def dialog_from_request(
    invite: Request, local_tag: str, source: Address, identity: Identity, sequence: Sequence
) -> Dialog:
    """The dialog our 2xx to an INVITE makes (12.1.1). Its Contact and Record-Route are read already."""
    contact = invite.contact
    return Dialog(
        trunk=source,
        identity=identity,
        call_id=invite.call_id,
        local=f"{invite.headers.get('to')};tag={local_tag}",
        remote=invite.headers.get("from") or "",
        local_tag=local_tag,
        remote_tag=invite.from_addr.tag,
        remote_target=contact.uri if contact is not None else invite.from_addr.uri,
        route_set=tuple(invite.headers.list("record-route")),
        sequence=sequence,
        remote_cseq=invite.cseq.number,
        by_their_connection=source.transport == "tls",
    )


def dialog_from_response(
    invite: Request,
    response: Response,
    trunk: Address,
    identity: Identity,
    sequence: Sequence,
    *,
    by_their_connection: bool = False,
) -> Dialog:
    """The dialog a response makes (12.1.2). A far end without a usable Contact is spoken to at the INVITE's own URI."""
    try:
        contact = response.contact
    except ParseError:
        contact = None
    try:
        routes = tuple(reversed(response.headers.list("record-route")))
        for route in routes:
            parse_name_addr(route)
    except ParseError:
        routes = ()
    return Dialog(
        trunk=trunk,
        identity=identity,
        call_id=invite.call_id,
        local=invite.headers.get("from") or "",
        remote=response.headers.get("to") or "",
        local_tag=invite.from_addr.tag,
        remote_tag=response.to_addr.tag,
        remote_target=contact.uri if contact is not None else invite.uri,
        route_set=routes,
        sequence=sequence,
        by_their_connection=by_their_connection,
    )
