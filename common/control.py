"""The media server's control API as typed messages, shared by its server and its clients.

`POST /v1/calls` takes a `CallRequest`; `GET /v1/calls/{attempt_id}` answers a `CallStatus`; the WebSocket
`/v1/events` carries `CallEvent`s. JSON keys are the field names. See docs/reference/control-api.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Self

from common.classification import AnswerRules
from common.conversation import Part
from common.errors import Refused
from common.media_terms import check_keys, check_ptime, check_srtp
from common.origins import BadUrl, parse_origin
from common.recording import RecordRules

#: What a trunk may be told to dial for a number: `*` and `#` are for services of exchanges and carriers.
DIALLED = re.compile(r"\+?[0-9*#]{2,32}")
DESTINATION = re.compile(
    r"\+\d{3,15}|sip:[A-Za-z0-9._+~-]{1,64}@(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d{1,5})?"
)

#: Agents' phones, consulted people and supervisors: also extensions of a PBX, and phones anywhere.
_PHONE = re.compile(
    r"\+?\d{2,15}|phone:[A-Za-z0-9._+-]{1,64}|sips?:[A-Za-z0-9._+~-]{1,64}@(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\])(?::\d{1,5})?"
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


#: The drivers of telephone lines, by the names that trunks and settings use.
LINES = ("native", "pyvoip", "asterisk")


class Disposition(StrEnum):
    """How the call ended for the media server, before it is mapped to a completion code."""

    #: 200 came; `sip_status` is 200 and the dialog's result is in `dialog`.
    ANSWERED = "answered"
    #: A final status of 300 to 699 came; `sip_status` and `reason` tell.
    REFUSED = "refused"
    #: Our ring timer ran out: CANCEL sent (usually `sip_status` 487).
    RING_TIMEOUT = "ring_timeout"
    #: Timer B: no final response, and no provisional either unless `provisional` is true.
    NO_REPLY = "no_reply"
    #: We cancelled before an answer, because we were told to (stop, pause, DNC).
    CANCELLED = "cancelled"
    #: 401/407 could not be answered with the trunk's credentials.
    AUTH_FAILED = "auth_failed"
    #: The packet could not be sent (ICMP refused, name not found ...).
    TRANSPORT_ERROR = "transport_error"
    #: This media server will not place it now (no ports, draining).
    NOT_ADMITTED = "not_admitted"
    #: The server restarted while the call was under way, or a defect took it; what happened cannot be learnt.
    LOST = "lost"


class DialogResult(StrEnum):
    """How the conversation ended once the call was answered."""

    #: `<exit>`, `<disconnect>` or the end of the document.
    COMPLETED = "completed"
    #: The called person hung up while the application was talking.
    CALLER_HANGUP = "caller_hangup"
    #: Fetch, parse or semantic error that no handler took; the apology was played.
    APPLICATION_ERROR = "application_error"
    #: We hung up: maximum duration, drain, or told to.
    SYSTEM_HANGUP = "system_hangup"


class EventType(StrEnum):
    #: The attempt id is in the journal; the INVITE leaves next.
    INVITED = "invited"
    #: The first 180 or 183 arrived.
    RINGING = "ringing"
    ANSWERED = "answered"
    #: The call is over; `status` holds the whole outcome.
    ENDED = "ended"
    #: The script waits for an agent: `detail` has `skill`, `kind`, and `timeout` in seconds (0: as long as it takes).
    AGENT_WANTED = "agent_wanted"
    #: It waits no more: an agent came, time ran out, or the caller is gone.
    AGENT_UNWANTED = "agent_unwanted"
    #: `detail.call` joined the conversation of this customer, or left it; `why` it left.
    JOINED = "joined"
    LEFT = "left"
    #: Somebody who may has called us: `detail` has `part`, `number`, and the `user` of an agent's phone.
    INCOMING = "incoming"
    #: A recording began: `detail` has `file` and `mode`. It is whole: `file`, `seconds`, `paused_seconds`, `problem`.
    RECORDING = "recording"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where calls leave. `transport` is udp, tcp, tls, or dns (as NAPTR says); port 0 has DNS find the servers (SRV).

    `line` picks the driver, one of LINES.
    """

    host: str
    port: int = 5060
    transport: str = "udp"
    username: str = ""
    password: str = field(default="", repr=False)
    line: str = "native"
    #: HOST[:PORT] that every new request goes through; "" for none.
    proxy: str = ""
    #: Number prefixes (`+1212`) that a 3xx may lead to, and IP addresses besides the trunk's own; none follows none.
    redirects: tuple[str, ...] = ()
    #: Number prefixes (`+1212`) and hosts that a script's `<transfer>` may lead to; none allows none.
    transfers: tuple[str, ...] = ()
    #: Further gateways of the same carrier: `HOST[:PORT][;weight=N][;priority=N]`, the trunk's own host being weight 1.
    gateways: tuple[str, ...] = ()
    #: What stands behind the @ of our own addresses; "" for ours.
    domain: str = ""
    #: Register before calls leave, and keep registered.
    register: bool = False
    #: Limits of this media server's calls; 0 for none.
    max_channels: int = 0
    calls_per_second: int = 0
    #: Milliseconds of audio in the packets we ask for, 10 to 60 in steps of 10; what we send is as the far end asks.
    ptime: int = 20
    #: How keys are sent and heard: auto, inband or info (media_terms.KEYS).
    keys: str = "auto"
    #: off, offer or require (media_terms.SRTP). The keys stand in the SDP: take TLS as the transport.
    srtp: str = "off"
    #: Offer G.722, before the usual G.711.
    g722: bool = False
    #: What its owner calls it; told in a call's status, and apart where one trunk's limits are handed out in parts.
    name: str = ""

    def __post_init__(self) -> None:
        check_ptime(self.ptime)
        check_keys(self.keys)
        check_srtp(self.srtp)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise TypeError for a field that is none, Refused for a value that is none."""
        return cls(**_with_tuples(body))

    def signalling(self, settings: Mapping[str, Any]) -> Self:
        """With `proxy`, `redirects`, `transfers`, `gateways`, `domain`, `register` as the trunk's owner has them."""
        return replace(self, **_with_tuples(settings))


def _with_tuples(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, **{name: tuple(body[name]) for name in ("redirects", "transfers", "gateways") if name in body}}


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """Who calls, beyond the caller number: numbers or SIP URIs, "" for none.

    `private` withholds the number from the called person, not from the carrier (RFC 3323, RFC 3325).
    """

    #: P-Asserted-Identity (RFC 3325): the number the trunk knows us by.
    asserted: str = ""
    private: bool = False
    #: Diversion (RFC 5806): for whom the call is made, where the caller number is not the trunk's own.
    diversion: str = ""
    #: User-to-User (RFC 7433): text for the called party's system.
    user_to_user: str = ""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to place. Times are seconds.

    `alternatives` are further trunks, in this order, for a call that rang nobody at those before.
    `application` is the URL of the VoiceXML start document ("" answers silence until hang-up);
    `values` become `session.connection.ccxml.values.*`; `organization` and `revision` choose the dialog worker.
    `allow` are further origins (`https://host`) that its scripts may fetch from, at public addresses only.
    `boot_id` (if given) refuses the call with 409 when the server has restarted since the engine learnt it.
    """

    attempt_id: str
    to: str
    sender: str
    trunk: Trunk
    application: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    display_name: str = ""
    identity: CallerIdentity = field(default_factory=CallerIdentity)
    ring_timeout: float = 45.0
    max_duration: float = 3600.0
    organization: str = ""
    revision: str = ""
    boot_id: str = ""
    allow: tuple[str, ...] = ()
    answer: AnswerRules = field(default_factory=AnswerRules)
    #: An agent's leg is a call like others that stays up between customers.
    part: Part = Part.CUSTOMER
    #: The customer whose conversation it joins as soon as it is answered.
    joins: str = ""
    #: The URI of the phone that wants it, for the far end to see (Referred-By); "" for none.
    referred_by: str = ""
    #: The sound it hears while it waits or is held; "" for the site's music.
    music: str = ""
    alternatives: tuple[Trunk, ...] = ()
    #: What is dialled for `to`, by the name of the trunk; a trunk that is not named dials `to` itself.
    dialled: Mapping[str, str] = field(default_factory=dict)
    #: From the answer on.
    record: RecordRules = field(default_factory=RecordRules)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.attempt_id):
            raise Refused("attempt_id: use 1 to 64 letters, digits, - or _")
        if self.part is Part.CUSTOMER and not DESTINATION.fullmatch(self.to):
            raise Refused("to: use + and 3 to 15 digits, or a sip: URI on a loopback address")
        if not _PHONE.fullmatch(self.to) and not DESTINATION.fullmatch(self.to):
            raise Refused("to: use 2 to 15 digits, with or without +, or a sip: URI")
        if not isinstance(self.referred_by, str):
            raise Refused("referred_by: give a SIP URI")
        if not isinstance(self.music, str):
            raise Refused("music: give the name of a sound")
        if self.joins and (self.part is Part.CUSTOMER or not _ID.fullmatch(self.joins)):
            raise Refused("joins: an agent, another or a supervisor joins the customer with this attempt id")
        if self.part is not Part.CUSTOMER and self.application:
            raise Refused("application: scripts talk to customers; agents, others and supervisors have none")
        for text in self.dialled.values():
            if not isinstance(text, str) or not DIALLED.fullmatch(text):
                raise Refused("dialled: use 2 to 32 digits, * and #, with or without + in front")
        for origin in self.allow:
            try:
                parse_origin(origin)
            except (BadUrl, TypeError) as error:
                raise Refused(f"allow: {origin}: {error}") from error

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """Raise Refused naming the field when the body is not a CallRequest."""
        known = {item.name for item in fields(cls)}
        for name in body:
            if name not in known:
                raise Refused(f"{name}: unknown field; the fields are {', '.join(sorted(known))}")
        try:
            trunk = Trunk.from_json(body["trunk"])
            identity = CallerIdentity(**body.get("identity", {}))
            answer = AnswerRules.from_json(body.get("answer", {}))
            read = {
                "trunk": trunk,
                "identity": identity,
                "answer": answer,
                "allow": tuple(body.get("allow", ())),
                "alternatives": tuple(Trunk.from_json(other) for other in body.get("alternatives", ())),
                "part": _part(body.get("part", Part.CUSTOMER)),
                "record": RecordRules.from_json(body.get("record", {})),
            }
            return cls(**{**body, **read})
        except KeyError as error:
            raise Refused(f"{error.args[0]}: this field is required") from error
        except TypeError as error:
            raise Refused(f"call request: {error}") from error


def _part(text: object) -> Part:
    try:
        return Part(str(text))
    except ValueError:
        raise Refused(f"part: write one of {', '.join(Part)}") from None


@dataclass(frozen=True, slots=True)
class Times:
    """Moments of the call, ISO 8601 UTC with milliseconds, None where it did not get there."""

    invite: str | None = None
    ringing: str | None = None
    answered: str | None = None
    ended: str | None = None
    #: Of who answered: the first voice, the greeting's last, the end of a beep, and when it was decided what it is.
    start_of_speech: str | None = None
    greeting_end: str | None = None
    beep: str | None = None
    classified: str | None = None
    #: A message to a machine began.
    message: str | None = None
    #: Whoever had been taken for a person was found to be a machine.
    corrected: str | None = None


@dataclass(frozen=True, slots=True)
class RtpStats:
    """Media figures: packets, lost packets (receiver's estimate), jitter in milliseconds (RFC 3550 6.4.1)."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    #: What the far end reported about our stream by RTCP, None where it sent no report.
    remote_lost: int | None = None
    remote_jitter_ms: float | None = None


@dataclass(frozen=True, slots=True)
class TrunkFault:
    """A trunk that did not take a call: its `name` and why.

    `down`: it cannot be used now. `retry_after` is how many seconds it asked to be left alone, 0 where it did not.
    """

    trunk: str
    reason: str
    down: bool = False
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class CallStatus:
    """The outcome of a call as far as it is known. `disposition` is None while it is under way."""

    attempt_id: str
    boot_id: str
    state: str  # invited | ringing | answered | ended
    disposition: Disposition | None = None
    sip_status: int | None = None
    reason: str = ""
    #: Why it was released: the cause of ITU-T Q.850 where the network told it (RFC 3326), and its words.
    q850: int | None = None
    release: str = ""
    #: A provisional response beyond 100 was seen.
    provisional: bool = False
    #: The name of the trunk it went by (the last tried), and those that did not take it.
    trunk: str = ""
    faults: tuple[TrunkFault, ...] = ()
    dialog: DialogResult | None = None
    #: human, machine, fax, silence or network; "" where nobody asked. `sound` is the tone that told it, or that ended
    #: the call while it rang: a Sound of mediaserver.cpa.events.
    answered_by: str = ""
    sound: str = ""
    times: Times = field(default_factory=Times)
    #: Keys pressed, in order; keys typed into a private field are shown as "•".
    dtmf: str = ""
    #: The namelist of `<exit>` or `<disconnect>`: names to JSON values; private values masked.
    exit: Mapping[str, Any] = field(default_factory=dict)
    rtp: RtpStats = field(default_factory=RtpStats)
    #: SIP ladder and VoiceXML steps, oldest first: {"at": ISO, "kind": "sip"|"vxml"|"cpa", "text": ...}, masked.
    trace: tuple[Mapping[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        values = dict(body)
        values["times"] = Times(**values.get("times", {}))
        values["rtp"] = RtpStats(**values.get("rtp", {}))
        values["trace"] = tuple(values.get("trace", ()))
        values["faults"] = tuple(TrunkFault(**fault) for fault in values.get("faults", ()))
        if values.get("disposition") is not None:
            values["disposition"] = Disposition(values["disposition"])
        if values.get("dialog") is not None:
            values["dialog"] = DialogResult(values["dialog"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One line of `/v1/events`. `seq` counts up from 1 within a boot id; reconnect with `?after=SEQ`."""

    seq: int
    boot_id: str
    type: EventType
    attempt_id: str
    at: str
    status: CallStatus | None = None
    #: What this type of event tells besides, as `EventType` says.
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        status = body.get("status")
        return cls(
            **{
                **body,
                "type": EventType(body["type"]),
                "status": CallStatus.from_json(status) if status else None,
            }
        )
