"""Server transactions: INVITE (RFC 3261 17.2.1 as changed by RFC 6026) and all others (17.2.2).

Our side answers every request at once, so the automatic 100 after 200 ms never has occasion.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol, cast

from mediaserver.switch.sip.message import Request, Response
from mediaserver.switch.sip.transaction import (
    Address,
    Environment,
    Input,
    State,
    Step,
    Table,
    Transaction,
    classify,
    linger,
    linger_briefly,
    stop_resending,
)


class ServerUser(Protocol):
    """Who answers requests. `on_request` comes once a transaction, whatever the repetitions."""

    def on_request(self, transaction: ServerTransaction, request: Request, source: Address, now: float) -> None: ...


class ServerTransaction(Transaction):
    """A request of the peer; the response last given is repeated for each repetition of the request.

    It outlives the request by half a minute and holds no more than that response: strangers may send 4,096 long ones.
    """

    def __init__(
        self, layer: Environment, key: Hashable, request: Request, reply_to: Address, owner: str | None = None
    ) -> None:
        super().__init__(layer, reply_to, owner)
        self.key = key
        self.cseq = request.cseq.number
        self.data = b""
        self.label = ""
        self._given: Input | None = None

    def respond(self, response: Response, now: float) -> None:
        self.data = response.serialize()
        self.label = f"{response.status} {response.reason}"
        self._given = classify(response.status)
        self.feed(self._given, now)

    def repeat(self, now: float) -> None:
        """Give the last response again; none where there was none."""
        if self._given is not None:
            self.feed(self._given, now)


def _send(transaction: Transaction, _now: float) -> None:
    server = cast(ServerTransaction, transaction)
    if server.data:
        server.layer.send(server.data, server.peer, server.owner, server.label)


def _await_ack(transaction: Transaction, now: float) -> None:
    """Timers G (repeat the refusal) and H (stop waiting for its ACK)."""
    transaction.set_timer(Input.GIVE_UP, now + transaction.layer.timings.give_up)
    if not transaction.peer.is_reliable:
        transaction.set_timer(Input.RESEND, now + transaction.interval)


def _resend(transaction: Transaction, now: float) -> None:
    """Timer G doubles up to T2."""
    _send(transaction, now)
    transaction.interval = min(transaction.interval * 2, transaction.layer.timings.t2)
    transaction.set_timer(Input.RESEND, now + transaction.interval)


#: RFC 3261 figure 7 with RFC 6026's Accepted state: there the user agent repeats the 2xx itself until the ACK.
SERVER_INVITE: Table = {
    (State.PROCEEDING, Input.REQUEST): Step(State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Input.PROVISIONAL): Step(State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Input.SUCCESS): Step(State.ACCEPTED, (_send, linger)),
    (State.PROCEEDING, Input.FAILURE): Step(State.COMPLETED, (_send, _await_ack)),
    (State.ACCEPTED, Input.SUCCESS): Step(State.ACCEPTED, (_send,)),
    (State.ACCEPTED, Input.LINGER): Step(State.TERMINATED),
    (State.COMPLETED, Input.REQUEST): Step(State.COMPLETED, (_send,)),
    (State.COMPLETED, Input.RESEND): Step(State.COMPLETED, (_resend,)),
    (State.COMPLETED, Input.GIVE_UP): Step(State.TERMINATED),
    (State.COMPLETED, Input.ACK): Step(State.CONFIRMED, (stop_resending, linger_briefly)),
    (State.CONFIRMED, Input.LINGER): Step(State.TERMINATED),
}

#: RFC 3261 figure 8.
SERVER_OTHER: Table = {
    (State.TRYING, Input.PROVISIONAL): Step(State.PROCEEDING, (_send,)),
    (State.TRYING, Input.SUCCESS): Step(State.COMPLETED, (_send, linger)),
    (State.TRYING, Input.FAILURE): Step(State.COMPLETED, (_send, linger)),
    (State.PROCEEDING, Input.REQUEST): Step(State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Input.PROVISIONAL): Step(State.PROCEEDING, (_send,)),
    (State.PROCEEDING, Input.SUCCESS): Step(State.COMPLETED, (_send, linger)),
    (State.PROCEEDING, Input.FAILURE): Step(State.COMPLETED, (_send, linger)),
    (State.COMPLETED, Input.REQUEST): Step(State.COMPLETED, (_send,)),
    (State.COMPLETED, Input.LINGER): Step(State.TERMINATED),
}


#: Answered and forgotten.
SERVER_STATELESS: Table = {
    (State.TRYING, Input.SUCCESS): Step(State.TERMINATED, (_send,)),
    (State.TRYING, Input.FAILURE): Step(State.TERMINATED, (_send,)),
}


class InviteServer(ServerTransaction):
    table = SERVER_INVITE
    start = State.PROCEEDING


class OtherServer(ServerTransaction):
    table = SERVER_OTHER
    start = State.TRYING


class StatelessServer(ServerTransaction):
    """Stands in when too many requests are remembered already; the layer never finds it again."""

    table = SERVER_STATELESS
    start = State.TRYING
