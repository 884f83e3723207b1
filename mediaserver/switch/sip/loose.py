"""Requests of ours outside any call: OPTIONS to ask after a server, REGISTER."""

from __future__ import annotations

from typing import Protocol

from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.layer import TransactionLayer
from mediaserver.switch.sip.message import Headers, Request, Response
from mediaserver.switch.sip.outgoing import Done
from mediaserver.switch.sip.requests import Identity, bracketed
from mediaserver.switch.sip.transaction import Address


class LooseAgent(Protocol):
    """What sending needs of the user agent."""

    layer: TransactionLayer

    def token(self) -> str: ...


class LooseRequests:
    """Each is answered, or not, exactly once."""

    def __init__(self, agent: LooseAgent) -> None:
        self._agent = agent
        self._pending: dict[ClientTransaction, Done] = {}

    def send(self, request: Request, address: Address, done: Done, now: float) -> None:
        self._pending[self._agent.layer.request(request, address, None, now)] = done

    def ping(self, address: Address, identity: Identity, done: Done, now: float) -> None:
        """OPTIONS to the server itself."""
        host = f"{bracketed(address.host)}:{address.port}"
        token = self._agent.token
        headers = Headers(
            [
                ("Via", identity.via(token())),
                ("Max-Forwards", "70"),
                ("From", f"<sip:clarion@{identity.authority}>;tag={token()}"),
                ("To", f"<sip:{host}>"),
                ("Call-ID", token()),
                ("CSeq", "1 OPTIONS"),
                ("Contact", identity.contact),
                ("User-Agent", identity.user_agent),
            ]
        )
        self.send(Request("OPTIONS", f"sip:{host}", headers), address, done, now)

    def take(self, transaction: ClientTransaction, response: Response | None, now: float) -> bool:
        """A response, or the end without one; False where the transaction is none of ours."""
        if transaction not in self._pending:
            return False
        if response is None or response.status >= 200:
            self._pending.pop(transaction)(response, now)
        return True

    def clear(self) -> None:
        self._pending.clear()
