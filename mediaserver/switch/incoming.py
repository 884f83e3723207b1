"""Calls to us: what an agent's phone or a caller of a test number gets. Everybody else was refused at the door."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from common.control import DESTINATION, CallRequest, Trunk
from common.conversation import Part
from common.errors import Refused
from mediaserver.lines.base import Incoming
from mediaserver.switch.sip.digest import HASHES
from mediaserver.switch.sip.door import NAIL_UP, PHONES_ALGORITHMS, Door, Network, Phone, read_networks

_DAY = 86_400.0
_USER = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_PARTY = re.compile(r"sips?:(?P<user>[^@;]*)@(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)")


@dataclass(frozen=True, slots=True)
class TestNumber:
    """A number that runs a script for whoever dials it from `sources`, or from an agent's phone."""

    number: str
    application: str
    sources: tuple[Network, ...] = ()
    organization: str = ""
    revision: str = ""
    values: Mapping[str, Any] | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise Refused naming the field."""
        values = {**_known(cls, "numbers", body), "sources": read_networks("numbers.sources", body.get("sources", ()))}
        for name in ("number", "application"):
            if not isinstance(values.get(name), str) or not values[name]:
                raise Refused(f"numbers.{name}: this field is required, and is text")
        if not _USER.fullmatch(values["number"]) or values["number"] == NAIL_UP:
            raise Refused(f"numbers.number: use 1 to 64 letters, digits, . _ + or -, and not {NAIL_UP!r}")
        return cls(**values)


class Desk:
    """Keeps the door's list and says what each call is."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._numbers: Mapping[str, TestNumber] = {}

    def configure(self, body: Mapping[str, Any]) -> None:
        """Replace both lists. Raise Refused naming the field, and change nothing then."""
        for name in body:
            if name not in ("algorithms", "phones", "numbers"):
                raise Refused(f"{name}: unknown field; the fields are algorithms, numbers, phones")
        algorithms = body.get("algorithms", list(PHONES_ALGORITHMS))
        if not isinstance(algorithms, list) or not algorithms or not all(one in HASHES for one in algorithms):
            raise Refused(f"algorithms: give a list of {', '.join(HASHES)}")
        phones = [_phone(entry) for entry in _list(body, "phones")]
        numbers = {one.number: one for one in (TestNumber.from_json(entry) for entry in _list(body, "numbers"))}
        self._door.open_to(phones, {number: one.sources for number, one in numbers.items()}, tuple(algorithms))
        self._numbers = numbers

    def request_of(self, call: Incoming) -> CallRequest | None:
        """As if we had placed it, so that scripts find the caller where the called is; None where the list
        has changed."""
        match = _PARTY.match(call.sender)
        number = self._numbers.get(call.number)
        host = match["host"] if match else "localhost"
        if number is None and call.user:
            phone = f"sip:{call.user}@{host}"
            return CallRequest(call.call, phone, "", Trunk(host), part=Part.AGENT, max_duration=_DAY)
        if number is None:
            return None
        caller = match["user"] if match else ""
        known = (caller, f"sip:{caller}@localhost", "sip:anonymous@localhost")
        return CallRequest(
            attempt_id=call.call,
            to=next(party for party in known if DESTINATION.fullmatch(party)),
            sender=call.number,
            trunk=Trunk(host),
            application=number.application,
            values=number.values or {},
            organization=number.organization,
            revision=number.revision,
        )


def _list(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    entries = body.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(f"{name}: give a list of objects")
    return entries


def _phone(body: Mapping[str, Any]) -> Phone:
    values = _known(Phone, "phones", body)
    phone = Phone(
        values.get("user", ""), values.get("password", ""), read_networks("phones.sources", body.get("sources", ()))
    )
    if not isinstance(phone.user, str) or not _USER.fullmatch(phone.user):
        raise Refused("phones.user: use 1 to 64 letters, digits, . _ + or -")
    if not isinstance(phone.password, str) or not (phone.password or phone.sources):
        raise Refused("phones.password: give one, or the sources that the phone calls from")
    return phone


def _known(kind: type[Any], where: str, body: Mapping[str, Any]) -> dict[str, Any]:
    known = {item.name for item in fields(kind)}
    for name in body:
        if name not in known:
            raise Refused(f"{where}.{name}: unknown field; the fields are {', '.join(sorted(known))}")
    return dict(body)
