"""Where something may be fetched from: origins in one spelling, and which addresses belong to the public internet.

A URL is spelt anew from what was understood of it, so that the HTTP client cannot understand another host than was
checked. A name says nothing about the address behind it: `is_public` is asked about the address really connected to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from common.errors import ClarionError

_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: WHATWG URL: a host whose last label is one of these is an IPv4 address or nothing.
_NUMBER: Final = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f\\]")

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
#: Not to be reached, though they look like global unicast: Teredo and other special purposes, documentation, 6to4.
_SPECIAL: Final = tuple(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16"))
#: Interface identifiers of ISATAP (RFC 5214 section 6.1), which hold an IPv4 address.
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


class BadUrl(ClarionError):
    """This is no http or https address that can be fetched."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """`host` is in its one spelling: lower case, IDNA, dotted IPv4, IPv6 without brackets, no trailing dot."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def address(self) -> str | None:
        """The host where it is an IP address."""
        try:
            return str(ipaddress.ip_address(self.host))
        except ValueError:
            return None


def split_url(url: str) -> tuple[Origin, str]:
    """The origin, and the path with its query. Raise BadUrl."""
    if _FORBIDDEN.search(url):
        raise BadUrl("an address has no spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadUrl(str(error)) from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise BadUrl(f"{scheme or 'no scheme'}: only http and https are fetched")
    if "@" in parts.netloc:
        raise BadUrl("an address with a user name in it is not fetched")
    if port == 0:
        raise BadUrl("port 0 is none")
    host = _canonical_host(parts.netloc)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(scheme, host, _PORTS[scheme] if port is None else port), target


def parse_origin(text: str) -> Origin:
    """`https://host:port`, or a bare `host`, which means https. Raise BadUrl."""
    origin, target = split_url(text if "://" in text else f"https://{text}")
    if target != "/":
        raise BadUrl(f"{text}: write the server alone, without a path: {origin}")
    return origin


def _canonical_host(netloc: str) -> str:
    if netloc.startswith("["):
        inside, bracket, behind = netloc[1:].partition("]")
        try:
            if not bracket or "%" in inside or behind[:1] not in ("", ":"):
                raise ValueError
            return str(ipaddress.IPv6Address(inside))
        except ValueError:
            raise BadUrl("what stands in brackets is no IPv6 address, or has a zone") from None
    host = netloc.rpartition(":")[0] if ":" in netloc else netloc
    if not host.isascii():
        host = _to_ascii(host)
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _numeric_host(labels)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("this is no host name")
    return host


def _to_ascii(host: str) -> str:
    # Imported where it is needed: its tables are large.
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadUrl("this is no host name") from error


def _numeric_host(labels: list[str]) -> str:
    """`2130706433`, `0x7f.1`, `0177.0.0.01`: as inet_aton and browsers read them."""
    try:
        numbers = [_number(label) for label in labels]
        *firsts, last = numbers
        if len(numbers) > 4 or any(number > 255 for number in firsts) or last >= 256 ** (5 - len(numbers)):
            raise ValueError
    except ValueError:
        raise BadUrl("a host that ends in a number must be an IPv4 address") from None
    return str(ipaddress.IPv4Address(sum(number << (24 - 8 * at) for at, number in enumerate(firsts)) + last))


def _number(label: str) -> int:
    # No sign, space or underscore, which int() would take.
    if not _NUMBER.fullmatch(label):
        raise ValueError
    if label[:2] in ("0x", "0X"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if len(label) > 1 and label[0] == "0" else int(label)


def is_public(address: str) -> bool:
    """Whether a packet to this IP address goes to the public internet, whatever the address hides in itself.

    Private, shared (CGNAT), loopback, link-local, multicast, reserved and documentation addresses do not, nor do IPv6
    addresses that carry such an IPv4 one (mapped, NAT64) or that are tunnels to any (6to4, Teredo, ISATAP).
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)
    if parsed.scope_id is not None:
        return False
    if parsed.ipv4_mapped is not None:
        return is_public(str(parsed.ipv4_mapped))
    if parsed in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    if parsed not in _GLOBAL_UNICAST or any(parsed in net for net in _SPECIAL):
        return False
    return int(parsed) >> 32 & 0xFFFFFFFF not in _ISATAP
