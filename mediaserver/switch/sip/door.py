"""Who may call us: agents' phones, and anybody from a named source who dials a test number. Pure; all else is refused.

A stranger learns nothing: whatever number is dialled and whatever user is named, the answer is the same challenge
(401), or the same 403. Only who has shown who it is hears of a number that is not there (404).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from common.errors import Refused
from mediaserver.switch.sip.digest import auth_parameters, hasher
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.transaction import DEFAULT_PORT, Address
from mediaserver.switch.sip.uri import ParseError, parse_uri

#: What a phone dials to be nailed up; its own name does as well.
NAIL_UP = "agent"
REALM = "clarion"
#: Phones that know no SHA-256 (baresip 1.0 among them) give up where it is as much as offered.
PHONES_ALGORITHMS = ("MD5",)
#: Seconds that a registration holds.
_SHORTEST, _LONGEST = 60, 3600
#: Seconds a nonce is good for.
_FRESH = 60.0
#: Wrong answers of one host in a minute, beyond which it is not asked any more; hosts and nonces remembered.
_PATIENCE = 10
_MINUTE = 60.0
_REMEMBERED = 4096

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Ruling(NamedTuple):
    """`status` 0 lets the call in; `user` is the phone that it comes from, "" for a caller of a test number."""

    status: int
    user: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Phone:
    """An agent's phone: known by its password, or without one by where it calls from."""

    user: str
    password: str = field(default="", repr=False)
    sources: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registered phone is: its own address of it, what its REGISTER came from, and monotonic seconds."""

    uri: str
    at: Address
    until: float


class Door:
    """`numbers` are test numbers, each with the networks they may be dialled from without credentials."""

    def __init__(self) -> None:
        self._phones: Mapping[str, Phone] = {}
        self._numbers: Mapping[str, tuple[Network, ...]] = {}
        self._algorithms: tuple[str, ...] = PHONES_ALGORITHMS
        self._secret = secrets.token_bytes(32)
        self._places: dict[str, Place] = {}
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def open_to(
        self,
        phones: Iterable[Phone],
        numbers: Mapping[str, tuple[Network, ...]],
        algorithms: tuple[str, ...] = PHONES_ALGORITHMS,
    ) -> None:
        """From now on to these alone; `algorithms` are asked for in their order, and no other is taken."""
        self._algorithms = algorithms
        self._phones = {phone.user: phone for phone in phones}
        self._numbers = dict(numbers)

    def judge(self, request: Request, source: Address, now: float) -> Ruling:
        """An INVITE outside any call; `now` is monotonic seconds."""
        dialled = request.dialled
        anonymous = request.headers.get("authorization") is None and self._at_its_place(request, source) is None
        if anonymous and _within(source.host, self._numbers.get(dialled, ())):
            return Ruling(0)
        phone = self._who(request, source, now)
        return phone if isinstance(phone, Ruling) else self._of_phone(phone, dialled)

    def register(self, request: Request, source: Address, now: float) -> Ruling:
        """A REGISTER (RFC 3261 10.3): a phone tells where it is; status 0 with the headers of the 200."""
        phone = self._who(request, source, now)
        if isinstance(phone, Ruling):
            return phone
        contact = request.contact
        seconds = _expires(request)
        if contact is not None and not _is_sip(contact.uri):
            return Ruling(400)
        if contact is None or not seconds:
            self._places.pop(phone.user, None)
            return Ruling(0, phone.user)
        # Over TCP its own port is another than the one it listens on; over TLS it is called by its own connection.
        there = parse_uri(contact.uri).port or DEFAULT_PORT
        at = source._replace(port=there) if source.transport == "tcp" else source
        self._places[phone.user] = Place(contact.uri, at, now + seconds)
        return Ruling(0, phone.user, (("Contact", f"<{contact.uri}>;expires={seconds}"),))

    def place_of(self, user: str, now: float) -> Place | None:
        """Where a phone can be called; None where it has not said so, or too long ago."""
        place = self._places.get(user)
        return place if place is not None and place.until > now and user in self._phones else None

    def _at_its_place(self, request: Request, source: Address) -> Phone | None:
        """A phone that needs no password where it is."""
        phone = self._phones.get(_user(request.from_addr.uri))
        return phone if phone and not phone.password and _within(source.host, phone.sources) else None

    def _of_phone(self, phone: Phone, dialled: str) -> Ruling:
        return Ruling(0 if dialled in (NAIL_UP, phone.user) or dialled in self._numbers else 404, phone.user)

    def _challenge(self, source: Address, now: float, *, stale: bool = False) -> Ruling:
        if not any(phone.password for phone in self._phones.values()) or self._is_tiresome(source.host, now):
            return Ruling(403)
        stamp = f"{int(now * 1000):x}-{secrets.token_hex(8)}"
        nonce = f"{stamp}-{self._sign(stamp)}"
        more = ", stale=true" if stale else ""
        asked = tuple(
            ("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{nonce}", algorithm={name}, qop="auth"{more}')
            for name in self._algorithms
        )
        return Ruling(401, headers=asked)

    def _who(self, request: Request, source: Address, now: float) -> Phone | Ruling:
        """The phone that it is, or what is to be answered."""
        phone = self._at_its_place(request, source)
        if phone is not None:
            return phone
        credentials = request.headers.get("authorization")
        return self._challenge(source, now) if credentials is None else self._shown(request, credentials, source, now)

    def _shown(self, request: Request, credentials: str, source: Address, now: float) -> Phone | Ruling:
        if self._is_tiresome(source.host, now):
            return Ruling(403)
        scheme, shown = next(iter(auth_parameters(credentials)), ("", {}))
        if scheme.lower() != "digest" or not self._is_ours(shown.get("nonce", "")):
            return self._challenge(source, now, stale=True)
        phone = self._phones.get(shown.get("username", ""), _NOBODY)
        right = _answers(phone, shown, request, self._algorithms) and phone is not _NOBODY
        if not right or (phone.sources and not _within(source.host, phone.sources)):
            self._note_wrong(source.host, now)
            return Ruling(403)
        if not self._is_fresh(shown, now):
            return self._challenge(source, now, stale=True)
        return phone

    # --- nonces

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._secret, stamp.encode(), hashlib.sha256).hexdigest()[:32]

    def _is_ours(self, nonce: str) -> bool:
        stamp, _, signature = nonce.rpartition("-")
        return _same(signature, self._sign(stamp))

    def _is_fresh(self, shown: Mapping[str, str], now: float) -> bool:
        """Young, and its count higher than any before (RFC 7616 3.4): a copy of an INVITE opens nothing."""
        nonce, count = shown["nonce"], int(shown["nc"], 16)
        if now - int(nonce.partition("-")[0], 16) / 1000 > _FRESH or count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return True

    # --- guessing

    def _is_tiresome(self, host: str, now: float) -> bool:
        wrong = self._wrong.get(host, ())
        return sum(now - at < _MINUTE for at in wrong) >= _PATIENCE

    def _note_wrong(self, host: str, now: float) -> None:
        self._wrong.setdefault(host, deque(maxlen=_PATIENCE)).append(now)
        if len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)


#: Takes the place of a phone that is not there, so that naming one takes as long.
_NOBODY = Phone("", secrets.token_hex(16))


def read_networks(name: str, texts: object) -> tuple[Network, ...]:
    """Addresses and networks. Raise Refused naming the field."""
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise Refused(f"{name}: give a list of IP addresses or networks")
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from error


def _within(host: str, networks: Iterable[Network]) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in networks)


def _answers(phone: Phone, shown: Mapping[str, str], request: Request, algorithms: tuple[str, ...]) -> bool:
    """Whether the response is this phone's (RFC 7616 3.4.1, qop auth)."""
    algorithm = shown.get("algorithm", "MD5").upper()
    count, wanted = shown.get("nc", ""), {"realm": REALM, "uri": request.uri, "qop": "auth"}
    if algorithm not in algorithms or any(shown.get(name) != value for name, value in wanted.items()):
        return False
    if len(count) != 8 or not all(digit in "0123456789abcdefABCDEF" for digit in count) or not phone.password:
        return False
    digest = hasher(algorithm)
    secret, target = digest(f"{phone.user}:{REALM}:{phone.password}"), digest(f"{request.method}:{request.uri}")
    right = digest(f"{secret}:{shown['nonce']}:{count}:{shown.get('cnonce', '')}:auth:{target}")
    return _same(right, shown.get("response", "").lower())


def _same(one: str, other: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode(errors="surrogateescape"))


def _is_sip(uri: str) -> bool:
    try:
        parse_uri(uri)
    except ParseError:
        return False
    return True


def _expires(request: Request) -> int:
    """Seconds that the registration is to hold, 0 to end it."""
    contact = request.contact
    wished = (contact.params.get("expires") if contact is not None else None) or request.headers.get("expires") or ""
    if not (wished.isascii() and wished.isdigit() and len(wished) < 10):
        return _LONGEST
    return int(wished) and max(_SHORTEST, min(_LONGEST, int(wished)))


def _user(uri: str) -> str:
    """The user part, "" where it names none or is of another scheme."""
    try:
        return parse_uri(uri).user or ""
    except ParseError:
        return ""
