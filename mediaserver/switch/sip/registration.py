"""Registering where a trunk wants it (RFC 3261 10.2): kept fresh, and never hammered when it is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from common.control import Trunk
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.loose import LooseRequests
from mediaserver.switch.sip.message import Headers, Request, Response, shown
from mediaserver.switch.sip.release import retry_after
from mediaserver.switch.sip.requests import Identity, bracketed
from mediaserver.switch.sip.timers import TimerQueue
from mediaserver.switch.sip.transaction import Address
from mediaserver.switch.sip.uri import ParseError, parse_name_addr, parse_uri

#: Seconds asked for, and the most a registrar may demand by 423.
EXPIRES = 600
_LONGEST = 86_400
#: Seconds before the next try after a failure; doubled each time up to the second.
FIRST_WAIT, LONGEST_WAIT = 30.0, 1800.0
#: Seconds without a call after which a registration is let run out.
UNUSED_AFTER = 3600.0
_DIGITS = re.compile(r"[0-9]{1,9}")


class State(StrEnum):
    #: Nothing is known; a call will ask.
    IDLE = "idle"
    #: REGISTER sent, nothing to fall back on.
    REGISTERING = "registering"
    REGISTERED = "registered"
    #: Registered still, the next REGISTER is under way.
    REFRESHING = "refreshing"
    #: Refused or unheard; the next try has its time.
    WAITING = "waiting"


class Input(StrEnum):
    #: A call wants to leave.
    WANTED = "wanted"
    ACCEPTED = "2xx"
    #: 401 or 407 that our credentials answer, or 423 with a time we can meet.
    MENDABLE = "mendable refusal"
    FAILED = "any other end"
    #: It is time to refresh, or to try again.
    TIMER = "timer"
    #: The same, but no call has asked for long.
    UNUSED = "unused"


class Action(StrEnum):
    SEND = "send"
    SCHEDULE_REFRESH = "schedule refresh"
    BACK_OFF = "back off"
    #: Tell the calls that wait.
    REPORT = "report"


class Step(NamedTuple):
    state: State
    actions: tuple[Action, ...] = ()


_S, _I, _A = State, Input, Action

REGISTRATION: Mapping[tuple[State, Input], Step] = {
    (_S.IDLE, _I.WANTED): Step(_S.REGISTERING, (_A.SEND,)),
    (_S.REGISTERING, _I.ACCEPTED): Step(_S.REGISTERED, (_A.SCHEDULE_REFRESH, _A.REPORT)),
    (_S.REGISTERING, _I.MENDABLE): Step(_S.REGISTERING, (_A.SEND,)),
    (_S.REGISTERING, _I.FAILED): Step(_S.WAITING, (_A.BACK_OFF, _A.REPORT)),
    (_S.REGISTERED, _I.WANTED): Step(_S.REGISTERED, (_A.REPORT,)),
    (_S.REGISTERED, _I.TIMER): Step(_S.REFRESHING, (_A.SEND,)),
    (_S.REGISTERED, _I.UNUSED): Step(_S.IDLE),
    (_S.REFRESHING, _I.WANTED): Step(_S.REFRESHING, (_A.REPORT,)),
    (_S.REFRESHING, _I.ACCEPTED): Step(_S.REGISTERED, (_A.SCHEDULE_REFRESH,)),
    (_S.REFRESHING, _I.MENDABLE): Step(_S.REFRESHING, (_A.SEND,)),
    (_S.REFRESHING, _I.FAILED): Step(_S.WAITING, (_A.BACK_OFF,)),
    (_S.WAITING, _I.WANTED): Step(_S.WAITING, (_A.REPORT,)),
    (_S.WAITING, _I.TIMER): Step(_S.REGISTERING, (_A.SEND,)),
    (_S.WAITING, _I.UNUSED): Step(_S.IDLE),
}


class Registrar:
    """What one registration needs of the user agent."""

    def __init__(self, loose: LooseRequests, timers: TimerQueue, token: Callable[[], str]) -> None:
        self.loose = loose
        self.timers = timers
        self.token = token


class Registration:
    """Of one trunk at one server. `asked` calls are told whether the trunk may be used, "" or why not."""

    def __init__(self, registrar: Registrar, trunk: Trunk, address: Address, identity: Identity) -> None:
        self.state = State.IDLE
        self.expires = EXPIRES
        self.problem = ""
        self._registrar = registrar
        self._trunk = trunk
        self._address = address
        self._identity = identity
        self._call_id = registrar.token()
        self._tag = registrar.token()
        self._cseq = 0
        self._credentials = Credentials(trunk.username, trunk.password, registrar.token)
        self._wait = FIRST_WAIT
        self._demanded = 0
        self._granted = 0
        self._used_at = float("-inf")
        self._asked: list[Callable[[str], None]] = []

    def ask(self, told: Callable[[str], None], now: float) -> None:
        self._asked.append(told)
        self._used_at = now
        self._feed(Input.WANTED, now)

    def stop(self) -> None:
        self._registrar.timers.cancel(self)

    def _feed(self, given: Input, now: float) -> None:
        step = REGISTRATION.get((self.state, given))
        if step is None:
            return
        self.state = step.state
        for action in step.actions:
            _ACTIONS[action](self, now)

    def _on_end(self, response: Response | None, now: float) -> None:
        if response is not None and response.status < 300:
            self._granted = self._granted_by(response)
            self._feed(Input.ACCEPTED, now)
        elif response is not None and self._is_mendable(response):
            self._feed(Input.MENDABLE, now)
        else:
            self._demanded = retry_after(response) if response is not None else 0
            words = f"{response.status} {shown(response.reason)}" if response is not None else "no answer"
            self.problem = f"the trunk refused the registration: {words}"
            self._feed(Input.FAILED, now)

    def _is_mendable(self, response: Response) -> bool:
        if response.status in (401, 407):
            return not self._credentials.accept(response)
        least = response.headers.get("min-expires") or ""
        if response.status == 423 and _DIGITS.fullmatch(least) and self.expires < int(least) <= _LONGEST:
            self.expires = int(least)
            return True
        return False

    def _granted_by(self, response: Response) -> int:
        """Seconds our own contact was granted (10.2.4), the Expires header where the contact says nothing."""
        for value in response.headers.list("contact"):
            try:
                contact = parse_name_addr(value)
                ours = parse_uri(contact.uri)
            except ParseError:
                continue
            is_ours = (ours.host.strip("[]"), ours.port) == (self._identity.host, self._identity.port)
            if is_ours and _DIGITS.fullmatch(contact.params.get("expires", "")):
                return min(int(contact.params["expires"]), _LONGEST)
        general = response.headers.get("expires") or ""
        return min(int(general), _LONGEST) if _DIGITS.fullmatch(general) else self.expires

    def request(self) -> Request:
        """The next REGISTER."""
        self._cseq += 1
        trunk, identity = self._trunk, self._identity
        domain = bracketed(trunk.domain or trunk.host)
        uri = f"sip:{domain}"
        account = f"<sip:{trunk.username or 'clarion'}@{domain}>"
        headers = Headers(
            [
                ("Via", identity.via(self._registrar.token())),
                ("Max-Forwards", "70"),
                ("From", f"{account};tag={self._tag}"),
                ("To", account),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._cseq} REGISTER"),
                ("Contact", f"{identity.contact};expires={self.expires}"),
                ("Expires", str(self.expires)),
                ("User-Agent", identity.user_agent),
                *self._credentials.headers("REGISTER", uri),
            ]
        )
        return Request("REGISTER", uri, headers)

    # --- actions

    def _send(self, now: float) -> None:
        self._registrar.loose.send(self.request(), self._address, self._on_end, now)

    def _schedule_refresh(self, now: float) -> None:
        self.problem, self._wait = "", FIRST_WAIT
        # The nonce may be old by then: a refresh may be challenged as often as a first REGISTER.
        self._credentials = self._credentials.renewed()
        early = max(self._granted - 32, self._granted / 2)
        self._set_timer(now + max(early, 1.0))

    def _back_off(self, now: float) -> None:
        self._credentials = self._credentials.renewed()
        self._set_timer(now + max(self._wait, self._demanded))
        self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _set_timer(self, at: float) -> None:
        self._registrar.timers.set(self, at, self._expire)

    def _expire(self, now: float) -> None:
        self._feed(Input.UNUSED if now - self._used_at > UNUSED_AFTER else Input.TIMER, now)

    def _report(self, _now: float) -> None:
        asked, self._asked = self._asked, []
        for told in asked:
            told(self.problem if self.state is State.WAITING else "")


_ACTIONS: Mapping[Action, Callable[[Registration, float], None]] = {
    Action.SEND: Registration._send,
    Action.SCHEDULE_REFRESH: Registration._schedule_refresh,
    Action.BACK_OFF: Registration._back_off,
    Action.REPORT: Registration._report,
}
