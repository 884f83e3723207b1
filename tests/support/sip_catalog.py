"""What far ends do to `clarion call`: each SIPp scenario of outbound calls, the command's options, the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PASSWORD = "s3cret"

_FORM = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{}</form></vxml>'
#: Hangs up as soon as it is answered.
LEAVE = _FORM.format("<block><exit/></block>")
STAY = _FORM.format('<block><prompt><break time="{}"/></prompt><exit/></block>')
KEYS = _FORM.format('<field name="keys" type="digits"><filled><exit namelist="keys"/></filled></field>')
REFER = _FORM.format('<transfer name="moved" dest="tel:+12125550123" bridge="false"/>')

#: How a far end is reached: the plain transports, TLS by stunnel before SIPp's TCP (with a certificate of ours where
#: it is `mtls`), and Kamailio, which asks for digest, in front of SIPp's UDP.
DIRECT = ("udp", "tcp", "tls", "mtls")
PROXIED = ("proxy-udp", "proxy-tcp", "proxy-tls")
WAYS = (*DIRECT, *PROXIED)

_LOGIN = ("--auth", "outreach", "--password-file", "{password}")


@dataclass(frozen=True)
class Behaviour:
    """`options` of `clarion call`, and what it must print; `status` fills the scenario's `[status]`."""

    scenario: str
    disposition: str = "answered"
    sip_status: int | None = 200
    options: tuple[str, ...] = ()
    script: str = LEAVE
    status: int = 486
    #: As SIPp counts them: a registration is one of its own.
    calls: int = 1
    #: What the call's SIP ladder must hold, and further keys of what is printed.
    ladder: tuple[str, ...] = ()
    printed: Mapping[str, object] = field(default_factory=dict)
    #: Ways that it cannot go, and why.
    not_over: Mapping[str, str] = field(default_factory=dict)

    def ways(self) -> tuple[str, ...]:
        return tuple(way for way in WAYS if way not in self.not_over)


def _never(ways: tuple[str, ...], why: str) -> dict[str, str]:
    return dict.fromkeys(ways, why)


_TO_ITSELF = _never(PROXIED, "the far end names its own address, which is not the proxy's")
_ONE_DIGEST = _never(PROXIED, "the proxy asks for digest itself")
_RING_OUT = ("--timeout", "0.3")
_MOVABLE = ("--redirect", "+1212")
_MEMBER = (*_LOGIN, "--register")
_WHO = ("--asserted", "+12125550188", "--private", "--diversion", "+12125550177", "--user-to-user", "case 7")
_BY_FAR_END = ("<- BYE",)

BEHAVIOURS: Mapping[str, Behaviour] = {
    "answer after 180": Behaviour("answer_after_180", ladder=("<- 180 Ringing", "-> BYE")),
    "early media": Behaviour("answer_after_183", ladder=("<- 183 Session Progress", "-> BYE")),
    "answer at once": Behaviour("answer_at_once", ladder=("-> BYE",)),
    "busy": Behaviour("refuse", "refused", 486, ladder=("<- 486 Refused",)),
    "reject": Behaviour("refuse", "refused", 603, status=603),
    "refused after 100": Behaviour("refuse_after_100", "refused", 404, status=404),
    "refused after ringing": Behaviour("ring_then_refuse", "refused", 480, status=480),
    "607": Behaviour("refuse", "refused", 607, status=607),
    "608": Behaviour("refuse", "refused", 608, status=608),
    "refused with the network's reason": Behaviour("refuse_with_reason", "refused", 480),
    "503 with Retry-After": Behaviour(
        "refuse_with_retry_after", "refused", 503, not_over=_never(PROXIED, "a proxy makes 500 of it (RFC 3261 16.7)")
    ),
    "no answer": Behaviour("ring_until_cancelled", "ring_timeout", 487, _RING_OUT, ladder=("-> CANCEL",)),
    "answer that crosses the CANCEL": Behaviour(
        "answer_despite_cancel", "ring_timeout", 200, _RING_OUT, ladder=("-> CANCEL", "-> BYE")
    ),
    "lost ACK": Behaviour(
        "repeat_200",
        script=STAY.format("5s"),
        ladder=_BY_FAR_END,
        not_over=_never(("tcp", "tls", "mtls", *PROXIED), "nothing is lost over a connection, nor repeated by a proxy"),
    ),
    # Where we hang up, the far end has some seconds for its part.
    "late answer of a fork": Behaviour("late_answer_of_a_fork", script=STAY.format("4s"), ladder=("-> BYE",)),
    "PRACK": Behaviour("reliable_183", ladder=("-> PRACK",)),
    "BYE by the far end": Behaviour("far_end_hangs_up", script=STAY.format("5s"), ladder=_BY_FAR_END),
    "BYE by the far end, by the route": Behaviour(
        "far_end_hangs_up_by_the_route", script=STAY.format("5s"), ladder=_BY_FAR_END
    ),
    "hold": Behaviour("hold", script=STAY.format("5s"), ladder=("<- INVITE", *_BY_FAR_END)),
    "hold and resume": Behaviour("hold_and_resume", script=STAY.format("4s"), ladder=("<- INVITE",)),
    "UPDATE by the far end": Behaviour("update_by_the_far_end", script=STAY.format("4s"), ladder=("<- UPDATE",)),
    "session timer": Behaviour("session_refresh", script=STAY.format("4500ms"), ladder=("-> UPDATE",)),
    "keys by INFO": Behaviour("keys_by_info", script=KEYS, printed={"dtmf": "5#"}),
    "blind transfer": Behaviour("referred", options=("--transfer", "+1212"), script=REFER, ladder=("-> REFER",)),
    "REFER by a customer": Behaviour("refers_in_vain", script=STAY.format("5s"), ladder=("<- REFER", *_BY_FAR_END)),
    "stranger with the Call-ID": Behaviour("stranger_with_the_call_id", script=STAY.format("4s")),
    "Record-Route": Behaviour("record_route", not_over=_TO_ITSELF),
    "who calls": Behaviour("who_calls", options=_WHO),
    "compact and folded": Behaviour("compact_and_folded", not_over=_never(PROXIED, "Kamailio drops a folded CSeq")),
    "401": Behaviour("challenge_401", options=_LOGIN, not_over=_ONE_DIGEST),
    "407": Behaviour("challenge_407", options=_LOGIN, not_over=_ONE_DIGEST),
    "redirection": Behaviour("redirect", options=_MOVABLE, not_over=_TO_ITSELF),
    "redirection outside": Behaviour("redirect_outside", "refused", 302, _MOVABLE),
    "the sixth redirection": Behaviour("redirect_six_deep", "refused", 302, _MOVABLE, not_over=_TO_ITSELF),
    "registration, 401": Behaviour("register_401", options=_MEMBER, calls=2, not_over=_ONE_DIGEST),
    "registration, 407": Behaviour("register_407", options=_MEMBER, calls=2, not_over=_ONE_DIGEST),
    "registration, 423": Behaviour("register_423", options=_MEMBER, calls=2, not_over=_ONE_DIGEST),
    "registration refused": Behaviour(
        "register_refused", "auth_failed", None, _MEMBER, status=403, not_over=_ONE_DIGEST
    ),
}
