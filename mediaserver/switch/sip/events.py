"""What the user agent is asked to do and what it reports: values only.

Every call that was invited ends with exactly one `Ended` (it had been established) or `Failed` (it had not).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from common.control import CallerIdentity, Disposition, Trunk, TrunkFault
from mediaserver.switch.sip.release import UNSAID, Release
from mediaserver.switch.sip.sdp import MediaTarget


@dataclass(frozen=True, slots=True)
class InviteSpec:
    """A call to place. `call` names it in every event; `sdp` is the local offer (`sdp.make_offer`).

    `to` and `sender` are `+` and digits or SIP URIs; `ring_timeout` is seconds from the INVITE to giving up.
    """

    call: str
    to: str
    sender: str
    display_name: str
    trunk: Trunk
    sdp: bytes
    ring_timeout: float = 45.0
    identity: CallerIdentity = field(default_factory=CallerIdentity)
    #: Seconds of the session timer asked for (RFC 4028), 0 for none.
    session_expires: int = 1800
    #: "" makes one; another trunk is tried with the first one's.
    call_id: str = ""
    #: It is an agent's phone, which may ask for transfers (REFER).
    may_refer: bool = False
    #: The far end has connected to us over TLS, and there is no other way to it.
    by_their_connection: bool = False
    #: Who had us call (Referred-By), a URI; "" for nobody.
    referred_by: str = ""
    #: Tried in this order where nobody can have rung at those before.
    alternatives: tuple[Trunk, ...] = ()
    #: What is dialled for `to`, by the trunk's name.
    dialled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provisional:
    """A response 101 to 199 (never 100). `media` is set when it brought usable SDP (early media)."""

    call: str
    status: int
    reason: str
    media: MediaTarget | None
    sdp: bytes


@dataclass(frozen=True, slots=True)
class Established:
    """200 came with usable media and the ACK has left."""

    call: str
    media: MediaTarget
    remote_sdp: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody calls a number we take calls for; it rings until it is answered or refused. `sender` is a URI."""

    call: str
    number: str
    sender: str
    media: MediaTarget
    remote_sdp: bytes
    #: The agent's phone that has shown that it is this one, "" for anybody else.
    user: str = ""


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """A re-INVITE or UPDATE moved or held the media; it is answered already (from the call's own local offer)."""

    call: str
    media: MediaTarget
    remote_sdp: bytes
    local_sdp: bytes


@dataclass(frozen=True, slots=True)
class KeyByInfo:
    """The far end sent one DTMF key by SIP INFO (application/dtmf-relay or application/dtmf)."""

    call: str
    key: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An established call is over. When we hung up it comes once the BYE is answered (or given up, 64*T1)."""

    call: str
    by_far_end: bool
    release: Release = UNSAID


@dataclass(frozen=True, slots=True)
class Failed:
    """The call was never established and is over; the user agent holds nothing of it any more.

    `provisional` is True when a provisional response beyond 100 was seen, that is, the far end may have rung.
    `retry_after` is how many seconds the far end wants to be left alone, 0 where it did not say.
    """

    call: str
    disposition: Disposition
    sip_status: int | None
    reason: str
    provisional: bool
    release: Release = UNSAID
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class TrunkFailed:
    """The trunk did not take the call: it is `down`, asked to be left alone, or has no room. `following` is tried now;
    None where there is none, or somebody may have rung already."""

    call: str
    fault: TrunkFault
    following: Trunk | None


@dataclass(frozen=True, slots=True)
class Transferred:
    """How a blind transfer went: 200 to 299 connected; the call itself goes on until somebody hangs up."""

    call: str
    status: int


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The far end, an agent's phone, wants whom it talks with connected to `target`, a tel: or SIP URI; `by` is a URI.

    `UserAgent.tell_transfer` takes or refuses it, and tells how it goes.
    """

    call: str
    target: str
    by: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """One line of the call's SIP trace, masked: `-> INVITE`, `<- 180 Ringing`."""

    call: str
    text: str


SipEvent = (
    Incoming
    | Provisional
    | Established
    | MediaChanged
    | KeyByInfo
    | TrunkFailed
    | Transferred
    | TransferAsked
    | Ended
    | Failed
    | Ladder
)
SipSink = Callable[[SipEvent], None]
