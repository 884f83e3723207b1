"""Client transactions: INVITE (RFC 3261 17.1.1 as changed by RFC 6026) and all others (17.1.2)."""

from __future__ import annotations

from typing import Protocol, cast

from mediaserver.switch.sip.message import Headers, Request, Response, retransported
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

#: Bytes of a request; a larger one goes by TCP where the path's MTU is not known (18.1.1).
WIDEST_DATAGRAM = 1300


class ClientUser(Protocol):
    """What happens to a client transaction's owner: each call but `on_response` is its last."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None: ...

    def on_no_reply(self, transaction: ClientTransaction, now: float) -> None: ...

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None: ...


class ClientTransaction(Transaction):
    """A request of ours. The branch of its top Via names it."""

    response: Response

    def __init__(
        self, layer: Environment, user: ClientUser, request: Request, peer: Address, owner: str | None, now: float
    ) -> None:
        super().__init__(layer, peer, owner)
        self.request = request
        self.user = user
        self.data = request.serialize()
        #: Where it goes if the wider transport taken for its size cannot be had (18.1.1).
        self.narrow: Address | None = None
        if not peer.is_reliable and len(self.data) > WIDEST_DATAGRAM:
            self.narrow = peer
            self._take(peer._replace(transport="tcp"))
        self.key = (request.via.branch, request.method)
        #: ACKs of the 2xx responses by To tag: a repeated 2xx is answered from here, even when its call is over.
        self.acks: dict[str, tuple[bytes, Address]] = {}
        self.set_timer(Input.GIVE_UP, now + layer.timings.give_up)
        self._begin(now)

    def receive(self, response: Response, now: float) -> None:
        self.response = response
        self.feed(classify(response.status), now)

    def narrowed(self, now: float) -> bool:
        """The far end has no TCP: send over UDP after all. False where there is no such way."""
        if self.narrow is None or self.state not in (State.CALLING, State.TRYING):
            return False
        self._take(self.narrow)
        self.narrow = None
        self._begin(now)
        return True

    def acknowledge(self, to_tag: str, ack: Request, destination: Address) -> None:
        """Send the ACK of a 2xx and keep it for the repetitions (RFC 3261 13.2.2.4)."""
        self.acks[to_tag] = (ack.serialize(), destination)
        self.acknowledge_again(to_tag)

    def acknowledge_again(self, to_tag: str) -> None:
        data, destination = self.acks[to_tag]
        self.layer.send(data, destination, self.owner, "ACK")

    def _take(self, peer: Address) -> None:
        """Go by another transport, which the top Via has to name."""
        self.peer = peer
        headers = self.request.headers
        via = headers.get("via") or ""
        self.request = Request(
            self.request.method,
            self.request.uri,
            headers.with_first("via", retransported(via, peer.transport)),
            self.request.body,
        )
        self.data = self.request.serialize()

    def _begin(self, now: float) -> None:
        self._send(self.request.method)
        if not self.peer.is_reliable:
            self.set_timer(Input.RESEND, now + self.interval)

    def _send(self, label: str) -> None:
        self.layer.send(self.data, self.peer, self.owner, label)


def _client(transaction: Transaction) -> ClientTransaction:
    return cast(ClientTransaction, transaction)


def _report(transaction: Transaction, now: float) -> None:
    client = _client(transaction)
    client.user.on_response(client, client.response, now)


def _report_no_reply(transaction: Transaction, now: float) -> None:
    client = _client(transaction)
    client.user.on_no_reply(client, now)


def _report_error(transaction: Transaction, now: float) -> None:
    client = _client(transaction)
    client.user.on_transport_error(client, now)


def _resend_doubling(transaction: Transaction, now: float) -> None:
    """Timer A has no ceiling: 0.5, 1, 2, 4, 8, 16 s."""
    client = _client(transaction)
    client._send(f"{client.request.method} again")
    transaction.interval *= 2
    transaction.set_timer(Input.RESEND, now + transaction.interval)


def _resend_capped(transaction: Transaction, now: float) -> None:
    """Timer E doubles up to T2."""
    transaction.interval = min(transaction.interval, transaction.layer.timings.t2 / 2)
    _resend_doubling(transaction, now)


def _resend_slowly(transaction: Transaction, now: float) -> None:
    """Timer E is T2 once a provisional response came."""
    transaction.interval = transaction.layer.timings.t2 / 2
    _resend_doubling(transaction, now)


def _send_ack(transaction: Transaction, _now: float) -> None:
    """The ACK of a 300 to 699: same branch and Request-URI, the response's To (17.1.1.3)."""
    client = _client(transaction)
    request = client.request
    headers = Headers([("Via", request.headers.get("via") or "")])
    for name in ("route", "max-forwards", "from"):
        for value in request.headers.all(name):
            headers.add(name, value)
    headers.add("To", client.response.headers.get("to") or "")
    headers.add("Call-ID", request.call_id)
    headers.add("CSeq", f"{request.cseq.number} ACK")
    for name in ("authorization", "proxy-authorization"):
        for value in request.headers.all(name):
            headers.add(name, value)
    ack = Request("ACK", request.uri, headers)
    client.layer.send(ack.serialize(), client.peer, client.owner, "ACK")


#: RFC 3261 figure 5 with RFC 6026's Accepted state.
CLIENT_INVITE: Table = {
    (State.CALLING, Input.RESEND): Step(State.CALLING, (_resend_doubling,)),
    (State.CALLING, Input.PROVISIONAL): Step(State.PROCEEDING, (stop_resending, _report)),
    (State.CALLING, Input.SUCCESS): Step(State.ACCEPTED, (stop_resending, linger, _report)),
    (State.CALLING, Input.FAILURE): Step(State.COMPLETED, (stop_resending, _send_ack, linger, _report)),
    (State.CALLING, Input.GIVE_UP): Step(State.TERMINATED, (_report_no_reply,)),
    (State.CALLING, Input.TRANSPORT_ERROR): Step(State.TERMINATED, (_report_error,)),
    (State.PROCEEDING, Input.PROVISIONAL): Step(State.PROCEEDING, (_report,)),
    (State.PROCEEDING, Input.SUCCESS): Step(State.ACCEPTED, (linger, _report)),
    (State.PROCEEDING, Input.FAILURE): Step(State.COMPLETED, (_send_ack, linger, _report)),
    # The owner gives up on a call that only ever rang (9.1: 64*T1 after its CANCEL).
    (State.PROCEEDING, Input.GIVE_UP): Step(State.TERMINATED),
    (State.COMPLETED, Input.FAILURE): Step(State.COMPLETED, (_send_ack,)),
    (State.COMPLETED, Input.LINGER): Step(State.TERMINATED),
    (State.ACCEPTED, Input.SUCCESS): Step(State.ACCEPTED, (_report,)),
    (State.ACCEPTED, Input.LINGER): Step(State.TERMINATED),
}

#: RFC 3261 figure 6.
CLIENT_OTHER: Table = {
    (State.TRYING, Input.RESEND): Step(State.TRYING, (_resend_capped,)),
    (State.TRYING, Input.PROVISIONAL): Step(State.PROCEEDING, (_report,)),
    (State.TRYING, Input.SUCCESS): Step(State.COMPLETED, (stop_resending, linger_briefly, _report)),
    (State.TRYING, Input.FAILURE): Step(State.COMPLETED, (stop_resending, linger_briefly, _report)),
    (State.TRYING, Input.GIVE_UP): Step(State.TERMINATED, (_report_no_reply,)),
    (State.TRYING, Input.TRANSPORT_ERROR): Step(State.TERMINATED, (_report_error,)),
    (State.PROCEEDING, Input.RESEND): Step(State.PROCEEDING, (_resend_slowly,)),
    (State.PROCEEDING, Input.PROVISIONAL): Step(State.PROCEEDING, (_report,)),
    (State.PROCEEDING, Input.SUCCESS): Step(State.COMPLETED, (stop_resending, linger_briefly, _report)),
    (State.PROCEEDING, Input.FAILURE): Step(State.COMPLETED, (stop_resending, linger_briefly, _report)),
    (State.PROCEEDING, Input.GIVE_UP): Step(State.TERMINATED, (_report_no_reply,)),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): Step(State.TERMINATED, (_report_error,)),
    (State.COMPLETED, Input.LINGER): Step(State.TERMINATED),
}


class InviteClient(ClientTransaction):
    table = CLIENT_INVITE
    start = State.CALLING


class OtherClient(ClientTransaction):
    table = CLIENT_OTHER
    start = State.TRYING
