"""Where a 3xx may lead (RFC 3261 8.1.3.4): only to numbers and hosts that the trunk allows, and not for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import NameAddr, ParseError, SipUri, parse_name_addr, parse_uri

#: Redirections followed in one call.
DEEPEST = 5
_PREFIX = re.compile(r"\+?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Target:
    """The next Request-URI and where it is sent."""

    uri: str
    address: Address


class Redirects:
    """`allowed` holds prefixes of numbers (`+1212`), and IP addresses of further hosts; no prefix allows nothing.

    A redirection to the trunk's own host needs no entry for the host.
    """

    def __init__(self, allowed: Iterable[str], trunk_host: str) -> None:
        entries = tuple(allowed)
        self._prefixes = tuple(entry for entry in entries if _PREFIX.fullmatch(entry))
        self._hosts = frozenset(entry for entry in entries if not _PREFIX.fullmatch(entry))
        self._trunk_host = trunk_host.strip("[]").lower()
        self._seen: set[str] = set()

    def follow(self, response: Response, asked: str, peer: Address) -> Target | None:
        """The best contact that may be tried; None ends the call. `asked` is what was redirected, at `peer`."""
        self._seen.add(asked)
        if len(self._seen) > DEEPEST:
            return None
        for contact in _contacts(response):
            target = self._target(contact, peer)
            if target is not None and target.uri not in self._seen:
                return target
        return None

    def _target(self, contact: NameAddr, peer: Address) -> Target | None:
        try:
            uri = parse_uri(contact.uri)
        except ParseError:
            return None
        number = (uri.user or "").partition(";")[0]
        if not number.startswith(self._prefixes) or (uri.scheme == "sips" and peer.transport != "tls"):
            return None
        address = self._address(uri, peer)
        return Target(str(replace(uri, headers="")), address) if address is not None else None

    def _address(self, uri: SipUri, peer: Address) -> Address | None:
        host = uri.host.strip("[]")
        if host in (self._trunk_host, peer.host):
            return peer._replace(port=uri.port or peer.port)
        if host in self._hosts:
            return peer._replace(host=host, port=uri.port or peer.port)
        return None


def _contacts(response: Response) -> list[NameAddr]:
    """By q, highest first (20.10); those that cannot be read are left out."""
    found: list[tuple[float, NameAddr]] = []
    for value in response.headers.list("contact"):
        try:
            contact = parse_name_addr(value)
            found.append((_quality(contact.params.get("q", "1")), contact))
        except (ParseError, ValueError):
            continue
    return [contact for _, contact in sorted(found, key=lambda item: -item[0])]


def _quality(text: str) -> float:
    """Raise ValueError."""
    if not re.fullmatch(r"[01](?:\.[0-9]{0,3})?", text):
        raise ValueError
    return float(text)
