"""SRTP keys in session descriptions (RFC 4568), with the suites of RFC 3711: `a=crypto` lines, offered and answered."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from mediaserver.switch.rtp.srtp import KEY_BYTES, SrtpKeys

_LINE = re.compile(r"(?P<tag>[0-9]{1,9}) +(?P<suite>[A-Za-z0-9_]+) +inline:(?P<key>[A-Za-z0-9+/]{40})(?P<rest>.*)")
_LIFETIME = re.compile(r"\|(?:2\^(?P<power>[0-9]{1,2})|(?P<packets>[0-9]{1,15}))")
#: Packets that a key must be good for: six hours of them.
_LEAST_LIFETIME = 1 << 20
#: Session parameters that ask for nothing we lack (6.3.7: a hint); others make a line unusable (6.3).
_HARMLESS = re.compile(r"(?: +WSH=[0-9]{1,5})*")


class Suite(StrEnum):
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def tag_bytes(self) -> int:
        return 10 if self is Suite.AES_CM_128_HMAC_SHA1_80 else 4


_SUITES = {suite.value: suite for suite in Suite}


@dataclass(frozen=True, slots=True)
class Crypto:
    """One line: the key and salt of whoever wrote it."""

    tag: int
    suite: Suite
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite.value} inline:{base64.b64encode(self.key).decode()}"


def offered() -> tuple[Crypto, ...]:
    """Fresh keys for each suite, the stronger one first."""
    return tuple(Crypto(number, suite, secrets.token_bytes(KEY_BYTES)) for number, suite in enumerate(Suite, 1))


def answering(theirs: tuple[Crypto, ...]) -> tuple[Crypto, ...]:
    """A fresh key of ours for the first line of an offer that we can use (5.1.2); none where there is no such line."""
    return tuple(Crypto(line.tag, line.suite, secrets.token_bytes(KEY_BYTES)) for line in theirs[:1])


def read(lines: Iterable[str]) -> tuple[Crypto, ...]:
    """Those we can use, in the writer's order; others (with an MKI, a short life, another suite) are left out."""
    read_lines = (_read_line(line) for line in lines)
    return tuple(line for line in read_lines if line is not None)


def _read_line(line: str) -> Crypto | None:
    match = _LINE.fullmatch(line.strip())
    suite = _SUITES.get(match["suite"]) if match else None
    if match is None or suite is None:
        return None
    rest = match["rest"]
    if lifetime := _LIFETIME.match(rest):
        packets = 1 << int(lifetime["power"]) if lifetime["power"] else int(lifetime["packets"])
        if packets < _LEAST_LIFETIME:
            return None
        rest = rest[lifetime.end() :]
    if not _HARMLESS.fullmatch(rest.rstrip()):
        return None
    try:
        return Crypto(int(match["tag"]), suite, base64.b64decode(match["key"], validate=True))
    except binascii.Error:
        return None


def agreed(ours: tuple[Crypto, ...], theirs: tuple[Crypto, ...]) -> SrtpKeys | None:
    """By what both sides wrote, whoever offered: the far end's first line of a suite that is ours too."""
    for line in theirs:
        for own in ours:
            if own.suite is line.suite:
                return SrtpKeys(line.suite.tag_bytes, own.key, line.key)
    return None


def answer_to(ours: tuple[Crypto, ...], theirs: tuple[Crypto, ...]) -> Crypto | None:
    """The line that accepts an offer: the tag is the offer's, the key ours (5.1.2)."""
    for line in theirs:
        for own in ours:
            if own.suite is line.suite:
                return Crypto(line.tag, line.suite, own.key)
    return None
