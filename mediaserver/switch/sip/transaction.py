"""What the four transaction machines share (RFC 3261 section 17, RFC 6026).

Each machine is one table: (state, input) -> next state and the actions on the way, in order. An input a state
has no row for is absorbed: a peer's stray packet changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from mediaserver.switch.sip.timers import TimerQueue, Timings

DEFAULT_PORT = 5060
TLS_PORT = 5061


class Address(NamedTuple):
    """Where a message goes or came from. `host` is an IP address, `transport` udp, tcp or tls.

    `name` is what a TLS server's certificate must be for, "" for `host`.
    """

    host: str
    port: int
    transport: str = "udp"
    name: str = ""

    @property
    def is_reliable(self) -> bool:
        return self.transport != "udp"


class State(StrEnum):
    #: Client INVITE: nothing heard yet.
    CALLING = "calling"
    #: Non-INVITE: nothing heard (client) or said (server) yet.
    TRYING = "trying"
    #: A provisional response was heard or said.
    PROCEEDING = "proceeding"
    #: RFC 6026: 2xx of an INVITE; its repetitions still belong here.
    ACCEPTED = "accepted"
    #: A final response (for INVITE: 300 to 699).
    COMPLETED = "completed"
    #: Server INVITE: the ACK came.
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(StrEnum):
    #: Client: the peer's response. Server: the response our side gives.
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    #: Server: the request again.
    REQUEST = "request"
    ACK = "ack"
    #: Repeat what we sent (timers A, E, G).
    RESEND = "timer A/E/G"
    #: Nobody answered (timers B, F, H).
    GIVE_UP = "timer B/F/H"
    #: Repetitions of the peer have died out (timers D, I, J, K, L, M).
    LINGER = "timer D/I/J/K/L/M"
    TRANSPORT_ERROR = "transport error"


def classify(status: int) -> Input:
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class Environment(Protocol):
    """What a transaction needs of the layer that holds it."""

    timings: Timings
    timers: TimerQueue

    def send(self, data: bytes, destination: Address, owner: str | None, label: str) -> None: ...

    def drop(self, transaction: Transaction) -> None: ...


class Step(NamedTuple):
    state: State
    actions: tuple[Action, ...] = ()


Table = Mapping[tuple[State, Input], Step]


class Transaction:
    """One machine. `owner` names the call it works for, None where it works for none."""

    table: Table
    start: State

    def __init__(self, layer: Environment, peer: Address, owner: str | None) -> None:
        self.layer = layer
        self.peer = peer
        self.owner = owner
        self.state = self.start
        self.interval = layer.timings.t1

    def feed(self, given: Input, now: float) -> bool:
        """Take one step; False when this state has no row for the input."""
        step = self.table.get((self.state, given))
        if step is None:
            return False
        self.state = step.state
        for action in step.actions:
            action(self, now)
        if self.state is State.TERMINATED:
            self.stop()
            self.layer.drop(self)
        return True

    def set_timer(self, given: Input, at: float) -> None:
        self.layer.timers.set((self, given), at, lambda now: self._expire(given, now))

    def cancel_timer(self, given: Input) -> None:
        self.layer.timers.cancel((self, given))

    def stop(self) -> None:
        for given in (Input.RESEND, Input.GIVE_UP, Input.LINGER):
            self.cancel_timer(given)

    def _expire(self, given: Input, now: float) -> None:
        self.feed(given, now)


Action = Callable[["Transaction", float], None]


def linger(transaction: Transaction, now: float) -> None:
    """Timers D, J, L, M over UDP: 64*T1; nothing to wait for on a reliable transport, save in Accepted."""
    reliable = transaction.peer.is_reliable and transaction.state is not State.ACCEPTED
    transaction.set_timer(Input.LINGER, now if reliable else now + transaction.layer.timings.give_up)


def linger_briefly(transaction: Transaction, now: float) -> None:
    """Timers I and K: T4."""
    transaction.set_timer(Input.LINGER, now if transaction.peer.is_reliable else now + transaction.layer.timings.t4)


def stop_resending(transaction: Transaction, _now: float) -> None:
    transaction.cancel_timer(Input.RESEND)
    transaction.cancel_timer(Input.GIVE_UP)
