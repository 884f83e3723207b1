"""The transaction layer: finds the transaction a message belongs to, or makes one (RFC 3261 17.1.3, 17.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

from mediaserver.switch.sip.client import ClientTransaction, ClientUser, InviteClient, OtherClient
from mediaserver.switch.sip.message import Request, Response
from mediaserver.switch.sip.server import InviteServer, OtherServer, ServerTransaction, ServerUser, StatelessServer
from mediaserver.switch.sip.timers import TimerQueue, Timings
from mediaserver.switch.sip.transaction import DEFAULT_PORT, Address, Input, Transaction

#: Requests of strangers remembered at a time; beyond it they are answered without being remembered.
MAX_SERVER_TRANSACTIONS = 4096

Send = Callable[[bytes, Address, str | None, str], None]


class LayerUser(ClientUser, ServerUser, Protocol):
    """The user agent above the layer."""

    def on_ack(self, request: Request, source: Address, now: float) -> None:
        """An ACK that belongs to no transaction: that of a 2xx."""
        ...


class TransactionLayer:
    """`send(data, destination, owner, label)` takes what leaves; `owner` is the call it is for."""

    def __init__(self, user: LayerUser, send: Send, timings: Timings, timers: TimerQueue) -> None:
        self.user = user
        self.send = send
        self.timings = timings
        self.timers = timers
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[Hashable, ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def request(self, request: Request, destination: Address, owner: str | None, now: float) -> ClientTransaction:
        kind = InviteClient if request.method == "INVITE" else OtherClient
        transaction = kind(self, self.user, request, destination, owner, now)
        self._clients[transaction.key] = transaction
        return transaction

    def receive_response(self, response: Response, now: float) -> None:
        """A response that matches no request of ours, or went through us, is dropped (8.1.3.3, 18.1.2)."""
        if len(response.headers.list("via")) != 1:
            return
        transaction = self.client_for(response)
        if transaction is not None:
            transaction.receive(response, now)

    def client_for(self, response: Response) -> ClientTransaction | None:
        return self._clients.get((response.via.branch, response.cseq.method))

    def receive_request(self, request: Request, source: Address, now: float) -> None:
        key = server_key(request, request.method)
        known = self._servers.get(key)
        if request.method == "ACK":
            if known is None or not known.feed(Input.ACK, now):
                self.user.on_ack(request, source, now)
        elif known is not None:
            known.feed(Input.REQUEST, now)
        else:
            self._serve(key, request, source, now)

    def invite_of(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE a CANCEL is for (9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def transport_failed(self, method: str, branch: str, now: float) -> None:
        """The network refused this request of ours."""
        transaction = self._clients.get((branch, method))
        if transaction is not None and not transaction.narrowed(now):
            transaction.feed(Input.TRANSPORT_ERROR, now)

    def drop(self, transaction: Transaction) -> None:
        if isinstance(transaction, ClientTransaction):
            self._clients.pop(transaction.key, None)
        elif isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)

    def clear(self) -> None:
        self._clients.clear()
        self._servers.clear()

    def _serve(self, key: Hashable, request: Request, source: Address, now: float) -> None:
        kind = InviteServer if request.method == "INVITE" else OtherServer
        full = len(self._servers) >= MAX_SERVER_TRANSACTIONS
        transaction = (StatelessServer if full else kind)(self, key, request, reply_address(request, source))
        if not full:
            self._servers[key] = transaction
        self.user.on_request(transaction, request, source, now)


def server_key(request: Request, method: str) -> Hashable:
    """What repetitions of a request share; an ACK has its INVITE's key."""
    method = "INVITE" if method == "ACK" else method
    via = request.via
    if via.is_rfc3261:
        return (via.branch, via.host, via.port, method)
    return (request.headers.get("via"), request.call_id, request.from_addr.tag, request.cseq.number, method)


def reply_address(request: Request, source: Address) -> Address:
    """Where the response goes: back to the source (18.2.2), its port where the sender asked for that (RFC 3581)."""
    if source.is_reliable or "rport" in request.via.params:
        return source
    return source._replace(port=request.via.port or DEFAULT_PORT)
