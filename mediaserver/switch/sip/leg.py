"""One call of the user agent, whoever placed it: its dialog, what both ends may ask in it, and its one end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from mediaserver.switch.sip.agent import CallAgent
from mediaserver.switch.sip.call_table import AnyStep, CallInput, CallState
from mediaserver.switch.sip.dialog import Dialog
from mediaserver.switch.sip.digest import Credentials
from mediaserver.switch.sip.events import Ended, Failed, InviteSpec, Ladder
from mediaserver.switch.sip.info_keys import InfoKeys
from mediaserver.switch.sip.keeper import SessionKeeper
from mediaserver.switch.sip.message import Request
from mediaserver.switch.sip.outgoing import Outgoing, Requester
from mediaserver.switch.sip.referral import Referral
from mediaserver.switch.sip.release import UNSAID, Release
from mediaserver.switch.sip.requests import Identity
from mediaserver.switch.sip.sdp import MediaTarget, offer_again
from mediaserver.switch.sip.transfer import Transfer

_TIMERS = ("ring", "cancel", "ok", "ok limit", "session", "transfer", "keys")


class Leg(ABC):
    """`spec` names it; `local_media` is what our own description says, `media` the far end's.

    The two kinds say by their tables what follows from what, and how one ends that was never established.
    """

    table: ClassVar[Mapping[tuple[CallState, CallInput], AnyStep]]

    def __init__(
        self,
        agent: CallAgent,
        spec: InviteSpec,
        identity: Identity,
        call_id: str,
        credentials: Credentials,
        local_media: MediaTarget,
        session_expires: int = 0,
    ) -> None:
        self.agent = agent
        self.spec = spec
        self.identity = identity
        self.call_id = call_id
        self.credentials = credentials
        self.local_media = local_media
        self.sdp_version = 1
        self.state = CallState.INVITING
        self.requester = Requester(agent, spec.call, credentials)
        self.session = SessionKeeper(self, session_expires)
        self.transfer = Transfer(self)
        self.referral = Referral(self)
        self.info_keys = InfoKeys(self)
        self.dialog: Dialog | None = None
        self.media: MediaTarget | None = None
        self.release: Release = UNSAID
        self.established = False
        self.by_far_end = False

    @abstractmethod
    def dialog_of(self, request: Request) -> Dialog | None:
        """The dialog whose both tags the request carries (nobody can guess ours), where it may be spoken to."""

    @abstractmethod
    def act(self, action: StrEnum, now: float) -> None:
        """An action of the table."""

    @abstractmethod
    def failure(self) -> Failed:
        """How it ended that was never established."""

    def feed(self, given: CallInput, now: float) -> None:
        step = self.table.get((self.state, given))
        if step is None:
            return
        self.state = step.state
        for action in step.actions:
            self.act(action, now)
        if self.state is CallState.OVER:
            self._close()

    def abandon(self) -> None:
        """End it without another word to the far end (the user agent closes)."""
        self.state = CallState.OVER
        self._close()

    def timer_key(self, name: str) -> tuple[Leg, str]:
        return (self, name)

    def set_timer(self, name: str, at: float, given: CallInput) -> None:
        self.agent.layer.timers.set(self.timer_key(name), at, lambda now: self.feed(given, now))

    def cancel_timer(self, name: str) -> None:
        self.agent.layer.timers.cancel(self.timer_key(name))

    def ladder(self, text: str) -> None:
        self.agent.emit(Ladder(self.spec.call, text))

    def note_media(self, media: MediaTarget) -> None:
        """The far end moved or held it."""
        self.media = media

    def own_sdp(self) -> bytes:
        """Our description again, as it stands."""
        return offer_again(self.local_media, self.sdp_version)

    def send_bye(self, now: float) -> None:
        if self.dialog is not None:
            self.cancel_timer("session")
            bye = Outgoing("BYE", done=lambda _response, later: self.feed(CallInput.BYE_DONE, later))
            self.requester.send(self.dialog, bye, now)

    def _close(self) -> None:
        for name in _TIMERS:
            self.cancel_timer(name)
        self.referral.close()
        self.agent.forget(self.spec.call, self.call_id)
        if self.established:
            self.agent.emit(Ended(self.spec.call, self.by_far_end, self.release))
        else:
            self.agent.emit(self.failure())
