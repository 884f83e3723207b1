"""Dialogs that provisional responses make (RFC 3261 12.1), and reliable ones acknowledged by PRACK (RFC 3262)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.dialog import Dialog, Sequence, dialog_from_response
from mediaserver.switch.sip.message import Response
from mediaserver.switch.sip.outgoing import Outgoing, Requester
from mediaserver.switch.sip.requests import Identity

#: Forks whose provisional responses are kept apart; more than that is no telephone network.
MAX_FORKS = 8
_RSEQ = re.compile(r"[0-9]{1,10}")


@dataclass(slots=True)
class _Early:
    dialog: Dialog
    last_rseq: int = 0
    sdp: bytes = b""


class EarlyDialogs:
    """Those of one INVITE, by To tag: every fork rings in its own."""

    def __init__(self, requester: Requester, sequence: Sequence, *, by_their_connection: bool = False) -> None:
        self._requester = requester
        self._sequence = sequence
        self._by_their_connection = by_their_connection
        self._early: dict[str, _Early] = {}

    def note(self, invite: ClientTransaction, response: Response, identity: Identity, now: float) -> bool:
        """Take a 101 to 199. False for one to pass over: repeated, or ahead of a reliable one that is missing."""
        tag = response.to_addr.tag
        known = self._early.get(tag)
        if known is None:
            if not tag or len(self._early) >= MAX_FORKS:
                return "100rel" not in _options(response)
            dialog = self._dialog(invite, response, identity)
            known = self._early[tag] = _Early(dialog)
        rseq = _rseq(response)
        if rseq is not None:
            if known.last_rseq and rseq != known.last_rseq + 1:
                return False
            known.last_rseq = rseq
            rack = f"{rseq} {response.cseq.number} {response.cseq.method}"
            self._requester.send(known.dialog, Outgoing("PRACK", (("RAck", rack),)), now)
        known.sdp = response.sdp or known.sdp
        return True

    def sdp(self, tag: str) -> bytes:
        """The session description that came early with this tag."""
        known = self._early.get(tag)
        return known.sdp if known is not None else b""

    def find(self, local_tag: str, remote_tag: str) -> Dialog | None:
        known = self._early.get(remote_tag)
        return known.dialog if known is not None and known.dialog.local_tag == local_tag else None

    def confirm(self, invite: ClientTransaction, response: Response, identity: Identity) -> Dialog:
        """The dialog of a 2xx: its routes and target are the 2xx's (13.2.2.4), what was heard early stays heard."""
        dialog = self._dialog(invite, response, identity)
        known = self._early.get(dialog.remote_tag)
        return dialog if known is None else replace(dialog, remote_cseq=known.dialog.remote_cseq)

    def _dialog(self, invite: ClientTransaction, response: Response, identity: Identity) -> Dialog:
        theirs = self._by_their_connection
        return dialog_from_response(
            invite.request, response, invite.peer, identity, self._sequence, by_their_connection=theirs
        )


def _options(response: Response) -> list[str]:
    return [option.lower() for option in response.headers.list("require")]


def _rseq(response: Response) -> int | None:
    """None where the response is not sent reliably."""
    text = response.headers.get("rseq") or ""
    return int(text) if "100rel" in _options(response) and _RSEQ.fullmatch(text) and int(text) else None
