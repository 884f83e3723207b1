"""One outbound call of our own user agent, from INVITE to `Ended` or `Failed`, by the table in `call_table`.

The transaction layer repeats and times out; what a call does about it is here and in `call_actions`.
"""

from __future__ import annotations

from enum import StrEnum

from common.control import Disposition
from mediaserver.switch.sip.agent import CallAgent
from mediaserver.switch.sip.call_actions import ACTIONS
from mediaserver.switch.sip.call_table import CALL, CallAction, CallInput, CallState
from mediaserver.switch.sip.client import ClientTransaction
from mediaserver.switch.sip.dialog import Dialog, Sequence
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.early import EarlyDialogs
from mediaserver.switch.sip.events import Failed, InviteSpec, Provisional
from mediaserver.switch.sip.leg import Leg
from mediaserver.switch.sip.message import Request, Response, shown
from mediaserver.switch.sip.redirects import Redirects
from mediaserver.switch.sip.release import read_release, retry_after
from mediaserver.switch.sip.requests import Identity, make_invite, target_uri
from mediaserver.switch.sip.sdp import Codec, MediaTarget, SdpError, agree, parse
from mediaserver.switch.sip.session_timer import longer
from mediaserver.switch.sip.transaction import Address


class OutboundCall(Leg):
    """A call of ours. One attempt has one Call-ID and one From tag, however often its INVITE is sent."""

    table = CALL
    invite: ClientTransaction

    def __init__(self, agent: CallAgent, spec: InviteSpec, peer: Address, identity: Identity) -> None:
        credentials = Credentials(spec.trunk.username, spec.trunk.password, agent.token)
        local_media = parse(spec.sdp, tuple(Codec))
        call_id = spec.call_id or agent.token()
        super().__init__(agent, spec, identity, call_id, credentials, local_media, spec.session_expires)
        self.peer = peer
        self.target = target_uri(spec)
        self.tag = agent.token()
        self.sequence = Sequence()
        self.early = EarlyDialogs(self.requester, self.sequence, by_their_connection=spec.by_their_connection)
        self.response: Response | None = None
        self.provisional = False
        self.disposition: Disposition | None = None
        self.reason = ""
        self._redirects = Redirects(spec.trunk.redirects, spec.trunk.host)

    def start(self, now: float) -> None:
        """Send the INVITE; to be called once, when the agent knows the call."""
        self.ladder(f"Call-ID {self.call_id}")
        self.send_invite(now)
        self.set_timer("ring", now + self.spec.ring_timeout, CallInput.RING_TIMER)

    def act(self, action: StrEnum, now: float) -> None:
        ACTIONS[CallAction(action)](self, now)

    def on_response(self, response: Response, now: float) -> None:
        """A response to the INVITE under way; repeated and forked 2xx never get here."""
        if response.status < 200:
            self._note_provisional(response, now)
            self.feed(CallInput.PROVISIONAL, now)
            return
        self.response = response
        if response.status < 300:
            self._on_answer(response, now)
        else:
            self._on_refusal(response, now)

    def dialog_of(self, request: Request) -> Dialog | None:
        """Ours, or one of a ringing fork."""
        local, remote = request.to_addr.tag, request.from_addr.tag
        dialog = self.dialog
        if dialog is None:
            return self.early.find(local, remote) if self.state is CallState.PROCEEDING else None
        is_ours = dialog.local_tag == local and dialog.remote_tag == remote
        return dialog if is_ours and self.state in (CallState.UP, CallState.CLOSING) else None

    def abandon(self) -> None:
        """End it without another word to the far end (the user agent closes)."""
        self.disposition = self.disposition or Disposition.CANCELLED
        self.reason = self.reason or "the user agent was closed"
        super().abandon()

    def send_invite(self, now: float) -> None:
        agent = self.agent
        # What asked for another INVITE is not how the call went.
        self.response = None
        request = make_invite(
            self.spec,
            self.identity,
            target=self.target,
            via=self.identity.via(agent.token()),
            call_id=self.call_id,
            tag=self.tag,
            cseq=self.sequence.next(),
            extra=[*self.session.headers(), *self.credentials.headers("INVITE", self.target)],
        )
        self.invite = agent.layer.request(request, self.peer, self.spec.call, now)

    def answered_sdp(self, response: Response) -> bytes:
        """The answer may have come early (13.2.1)."""
        return response.sdp or self.early.sdp(response.to_addr.tag)

    def _note_provisional(self, response: Response, now: float) -> None:
        if response.status == 100:
            return
        self.provisional = True
        if not self.early.note(self.invite, response, self.identity, now):
            return
        if self.state in (CallState.INVITING, CallState.PROCEEDING):
            media = self._early_media(response.sdp)
            reason = shown(response.reason)
            self.agent.emit(Provisional(self.spec.call, response.status, reason, media, response.sdp))

    def _early_media(self, sdp: bytes) -> MediaTarget | None:
        try:
            return agree(sdp, self.local_media) if sdp else None
        except SdpError:
            return None

    def _on_answer(self, response: Response, now: float) -> None:
        try:
            self.media = agree(self.answered_sdp(response), self.local_media)
        except SdpError as error:
            self.reason = f"the answer's media cannot be used: {error}"
            self.feed(CallInput.UNUSABLE, now)
        else:
            self.feed(CallInput.ANSWER, now)

    def _on_refusal(self, response: Response, now: float) -> None:
        self.reason = shown(response.reason)
        self.release = read_release(response)
        if self.state in (CallState.INVITING, CallState.PROCEEDING) and self._may_ask_again(response):
            self.feed(CallInput.CHALLENGE, now)
        else:
            self.feed(CallInput.REFUSAL, now)

    def _may_ask_again(self, response: Response) -> bool:
        """Another INVITE may do better: with credentials, a longer session, or to where a redirection leads."""
        if response.status in (401, 407):
            problem = self.credentials.accept(response)
            self.reason = problem or self.reason
            return not problem
        if response.status == 422:
            interval = longer(response, self.session.interval)
            self.session.interval = interval or self.session.interval
            return bool(interval)
        if 300 <= response.status < 400:
            target = self._redirects.follow(response, self.target, self.peer)
            if target is not None:
                self.target, self.peer = target.uri, target.address
                self.ladder(f"redirected to {shown(target.uri)}")
            return target is not None
        return False

    def failure(self) -> Failed:
        disposition, status = self._outcome()
        wait = retry_after(self.response) if self.response is not None else 0
        return Failed(self.spec.call, disposition, status, self.reason, self.provisional, self.release, wait)

    def _outcome(self) -> tuple[Disposition, int | None]:
        status = self.response.status if self.response is not None else None
        if self.disposition is not None:
            return self.disposition, status
        if status in (401, 407):
            return Disposition.AUTH_FAILED, status
        # A 2xx that ends here brought no usable media: we refused it, as 488 says (13.2.2.4).
        return Disposition.REFUSED, 488 if status is not None and status < 300 else status
