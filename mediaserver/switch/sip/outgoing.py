"""Requests of ours inside a dialog: sent, authenticated where asked, and answered or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.dialog import Dialog
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.layer import TransactionLayer
from mediaserver.switch.sip.message import Response

#: Gets the final response, None where there was none.
Done = Callable[[Response | None, float], None]


class Agent(Protocol):
    """What sending needs of the user agent."""

    layer: TransactionLayer

    def token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to send, but for what the dialog adds to it."""

    method: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "application/sdp"
    done: Done = lambda _response, _now: None


class Requester:
    """Those of one call; `owner` names it."""

    def __init__(self, agent: Agent, owner: str, credentials: Credentials) -> None:
        self._agent = agent
        self._owner = owner
        self._credentials = credentials
        self._pending: dict[ClientTransaction, tuple[Dialog, Outgoing]] = {}

    def send(self, dialog: Dialog, outgoing: Outgoing, now: float) -> None:
        extra = [*outgoing.headers, *self._credentials.headers(outgoing.method, dialog.request_uri)]
        if outgoing.body:
            extra.append(("Content-Type", outgoing.content_type))
        request = dialog.request(outgoing.method, self._agent.token(), dialog.next_cseq(), extra, outgoing.body)
        transaction = self._agent.layer.request(request, dialog.destination, self._owner, now)
        self._pending[transaction] = (dialog, outgoing)

    def is_waiting(self, method: str) -> bool:
        return any(outgoing.method == method for _, outgoing in self._pending.values())

    def take(self, transaction: ClientTransaction, response: Response | None, now: float) -> bool:
        """A response, or the end without one; False where the transaction is none of ours."""
        if transaction not in self._pending:
            return False
        if response is not None and response.status < 200:
            return True
        dialog, outgoing = self._pending.pop(transaction)
        if response is not None and outgoing.method == "INVITE" and response.status < 300:
            acknowledge(self._agent, transaction, dialog)
        if response is not None and response.status in (401, 407) and not self._credentials.accept(response):
            self.send(dialog, outgoing, now)
        else:
            outgoing.done(response, now)
        return True


def acknowledge(agent: Agent, invite: ClientTransaction, dialog: Dialog) -> None:
    """ACK a 2xx in its dialog."""
    ack = dialog.acknowledge(invite.request, agent.token())
    invite.acknowledge(dialog.remote_tag, ack, dialog.destination)
