"""Who takes part in a conversation, and what is asked of a member: part of the media server's control API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from common.errors import Refused


class Part(StrEnum):
    #: Whoever was called.
    CUSTOMER = "customer"
    #: A nailed-up leg, which stays when the customer hangs up.
    AGENT = "agent"
    #: A consulted person or a third one in a conference.
    OTHER = "other"
    SUPERVISOR = "supervisor"


class Supervision(StrEnum):
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to become of a member; None leaves it as it is. `zip_tone` sounds where an agent joins."""

    held: bool | None = None
    muted: bool | None = None
    supervision: Supervision | None = None
    zip_tone: bool = True

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise Refused naming the field."""
        known = {item.name for item in fields(cls)}
        for name, value in body.items():
            if name not in known:
                raise Refused(f"{name}: unknown field; the fields are {', '.join(sorted(known))}")
            if name != "supervision" and not isinstance(value, bool):
                raise Refused(f"{name}: write true or false")
        values = dict(body)
        if "supervision" in values:
            try:
                values["supervision"] = Supervision(values["supervision"])
            except ValueError:
                raise Refused(f"supervision: write one of {', '.join(Supervision)}") from None
        return cls(**values)
