"""The `Line` port: what the switch asks of a telephone line, and what a line reports.

Methods return at once (they are called on the switch's event loop); everything that happens is reported by
events to the `sink` given to `start`. Audio is mu-law at 8 kHz, whatever codec the line speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from common.control import CallerIdentity, Disposition, RtpStats, Trunk, TrunkFault
from common.conversation import Supervision
from common.errors import ClarionError
from mediaserver.switch.hearing import Member
from mediaserver.switch.sip.release import UNSAID, Release


class Capability(StrEnum):
    CANCEL = "cancel"
    EARLY_MEDIA = "early_media"
    SEND_KEYS = "send_keys"
    LISTEN = "listen"
    FINAL_STATUS = "final_status"
    #: Blind transfer by the far end.
    TRANSFER = "transfer"
    #: Calls that hear each other.
    CONVERSATION = "conversation"
    #: Another trunk takes a call that the first did not.
    FAILOVER = "failover"
    #: What is said to the far end can be heard as well (`tap`).
    RECORD = "record"
    #: Calls of others to us.
    INCOMING = "incoming"


class Unsupported(ClarionError):
    """This line cannot do that; `Line.capabilities` says what it can."""


@dataclass(frozen=True, slots=True)
class Place:
    """A call to place; `call` names it in every later method and event. Seconds."""

    call: str
    to: str
    sender: str
    display_name: str
    trunk: Trunk
    ring_timeout: float
    identity: CallerIdentity = field(default_factory=CallerIdentity)
    #: It is an agent's phone, which may have whom it talks with transferred (`TransferAsked`).
    may_refer: bool = False
    #: The URI of the phone that wants this call, "" for none.
    referred_by: str = ""
    #: Further trunks, where nobody can have rung at those before. Lines without the capability FAILOVER ignore them.
    alternatives: tuple[Trunk, ...] = ()
    #: What is dialled for `to`, by the trunk's name.
    dialled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ringing:
    """The first 180 or 183."""

    call: str
    sip_status: int


@dataclass(frozen=True, slots=True)
class Answered:
    """200 came and was acknowledged; media may flow."""

    call: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The call was not answered and is over; the line holds nothing of it any more."""

    call: str
    disposition: Disposition
    sip_status: int | None
    reason: str
    provisional: bool
    release: Release = UNSAID
    #: Seconds the trunk wants to be left alone, 0 where it did not say.
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class HungUp:
    """An answered call is over and its port is free; `by_far_end` is False when we sent the BYE."""

    call: str
    by_far_end: bool
    rtp: RtpStats
    release: Release = UNSAID


@dataclass(frozen=True, slots=True)
class Key:
    """One DTMF key, reported once, at its start."""

    call: str
    key: str


@dataclass(frozen=True, slots=True)
class Played:
    """The clip queue `play` ended; `completed` is False when it was stopped or cut by a key."""

    call: str
    play: int
    completed: bool
    heard_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """20 ms of the far end's audio (160 bytes of mu-law), only while `listen` is on."""

    call: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class Spoken:
    """One packet's audio that was sent (mu-law, 20 ms unless negotiated otherwise), only while tapped."""

    call: str
    audio: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody who may calls `number`; it rings until `answer` or `refuse`. `user` is an agent's phone, else ""."""

    call: str
    number: str
    user: str
    sender: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """One line for the call's SIP trace, masked: `-> INVITE`, `<- 180 Ringing`."""

    call: str
    text: str


@dataclass(frozen=True, slots=True)
class TrunkFailed:
    """A trunk did not take the call; `following` is tried now, if any."""

    call: str
    fault: TrunkFault
    following: Trunk | None


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a blind transfer went: 200 to 299 when the far end has gone there. The call is up until somebody hangs up."""

    call: str
    sip_status: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """An agent's phone wants whom it talks with connected to `target`, a tel: or SIP URI; `by` is its own URI.

    `tell_transfer` takes or refuses it, and tells how it goes.
    """

    call: str
    target: str
    by: str


LineEvent = (
    Ringing
    | Answered
    | Failed
    | HungUp
    | Key
    | Played
    | Heard
    | Spoken
    | Incoming
    | Ladder
    | TrunkFailed
    | Transferred
    | TransferAsked
)
Sink = Callable[[LineEvent], None]


class Conversation(Protocol):
    """Answered calls of one line that hear each other, as `hearing` says."""

    def join(self, member: Member) -> None:
        """Raise NoRoom when it is full, ContractError when the call is not up."""
        ...

    def leave(self, call: str) -> None: ...

    def mute(self, call: str, on: bool) -> None: ...

    def hold(self, call: str, on: bool) -> None: ...

    def supervise(self, call: str, how: Supervision) -> None: ...

    def close(self) -> None: ...


class Line(Protocol):
    """A telephone line. Every call, placed or come in, ends with exactly one `Failed` or `HungUp`."""

    capabilities: frozenset[Capability]

    async def start(self, sink: Sink) -> None: ...

    async def close(self) -> None:
        """Hang up what is up, free ports and descriptors."""
        ...

    def place(self, call: Place) -> None: ...

    def answer(self, call: str) -> None:
        """Take a call that came by `Incoming`; `Answered` follows, or `Failed`. Raise Unsupported."""
        ...

    def refuse(self, call: str, status: int) -> None:
        """Answer an `Incoming` call by a final SIP status; `Failed` follows. Raise Unsupported."""
        ...

    def hang_up(self, call: str) -> None:
        """BYE when answered, CANCEL when not (`Failed` with CANCELLED follows)."""
        ...

    def play(self, call: str, play: int, clips: tuple[bytes, ...], stop_on_key: bool) -> None:
        """Send the clips back to back; `Played` follows. A new play replaces the present one."""
        ...

    def stop_play(self, call: str) -> None: ...

    def listen(self, call: str, on: bool) -> None: ...

    def tap(self, call: str, on: bool) -> None:
        """Report what is sent (`Spoken`). Raise Unsupported."""
        ...

    def signs(self, call: str) -> int | None:
        """A number that grows while anything comes from the far end; None where silence means nothing."""
        ...

    def send_keys(self, call: str, keys: str) -> None: ...

    def transfer(self, call: str, target: str) -> None:
        """Have the far end of an answered call connected to `target`, a URI; `Transferred` follows.

        Raise Unsupported.
        """
        ...

    def tell_transfer(self, call: str, status: int) -> None:
        """To a phone that asked for one: 202 or a refusal, and after 202 what the target's call came to. Raise
        Unsupported."""
        ...

    def conversation(self) -> Conversation:
        """An empty one. Raise Unsupported."""
        ...
