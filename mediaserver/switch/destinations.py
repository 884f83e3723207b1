"""Where scripts may have a caller connected to: only to what the trunk names, since a script could name any number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from common.control import Trunk
from common.errors import ClarionError

_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_SEPARATORS = str.maketrans("", "", "-.() ")
#: user and host of a SIP URI; parameters are dropped, since they could lead elsewhere.
_SIP = re.compile(r"sips?:([A-Za-z0-9._+~-]{1,64})@(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(?:;.*)?")


class BadDestination(ClarionError):
    """A destination is tel:+NUMBER or sip:USER@HOST."""


class NotAllowed(ClarionError):
    """The trunk does not allow transfers to this destination; its list of transfers names prefixes and hosts."""


@dataclass(frozen=True, slots=True)
class Reach:
    """`to` is what a line places a call to, `uri` what a far end is asked to call."""

    to: str
    uri: str

    @classmethod
    def of(cls, destination: str, trunk: Trunk) -> Self:
        """Raise BadDestination or NotAllowed."""
        scheme, _, rest = destination.partition(":")
        if scheme.lower() == "tel":
            number = rest.partition(";")[0].translate(_SEPARATORS)
            return cls._number(number, trunk)
        match = _SIP.fullmatch(destination)
        if match is None:
            raise BadDestination
        user, host, port = match.groups()
        if host.lower() == trunk.host.lower() and _NUMBER.fullmatch(user):
            return cls._number(user, trunk)
        if host.lower() not in (entry.lower() for entry in trunk.transfers):
            raise NotAllowed
        uri = f"sip:{user}@{host}" + (f":{port}" if port else "")
        return cls(uri, uri)

    @classmethod
    def _number(cls, number: str, trunk: Trunk) -> Self:
        if not _NUMBER.fullmatch(number):
            raise BadDestination
        prefixes = tuple(entry for entry in trunk.transfers if _NUMBER.fullmatch(entry) or entry == "+")
        if not prefixes or not number.startswith(prefixes):
            raise NotAllowed
        return cls(number, f"sip:{number}@{trunk.host}")
