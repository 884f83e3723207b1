"""An agent's phone transfers its customer itself (REFER): only from a conversation, only where scripts may transfer to.

The target is called at once and joins the customer, who hears music meanwhile; the agent is out of the conversation
from then on. Where the target does not come the agent has the customer back, if its leg is still up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from common.control import CallRequest, CallStatus
from common.conversation import Part, Wish
from common.errors import ClarionError
from common.ids import new_id
from common.tasks import note_failure
from mediaserver.lines import base
from mediaserver.switch.bridges import Bridges
from mediaserver.switch.destinations import BadDestination, NotAllowed, Reach
from mediaserver.switch.live import LiveCall
from mediaserver.switch.record import CallState
from mediaserver.switch.roster import Roster

#: Seconds that the target may ring.
_RING = 30.0
_ACCEPTED, _FORBIDDEN, _NOT_FOUND, _BUSY = 202, 403, 404, 503


@dataclass(frozen=True, slots=True)
class _Referral:
    agent: LiveCall
    customer: LiveCall


class Referrals:
    """`place` is the switchboard's, `run` keeps a coroutine alive."""

    def __init__(
        self,
        bridges: Bridges,
        roster: Roster,
        place: Callable[[CallRequest], Awaitable[tuple[CallStatus, bool]]],
        run: Callable[[Coroutine[Any, Any, None]], None],
        note: Callable[[LiveCall, str], None],
    ) -> None:
        self._bridges = bridges
        self._roster = roster
        self._place = place
        self._run = run
        self._note = note
        #: By the call to the target.
        self._under_way: dict[str, _Referral] = {}

    def asked(self, agent: LiveCall, event: base.TransferAsked) -> None:
        customer = self._bridges.customer_of(agent.id)
        if agent.request.part is not Part.AGENT or customer is None:
            self._refuse(agent, _FORBIDDEN, "it talks with no customer")
            return
        try:
            reach = Reach.of(event.target, customer.record.trunk)
        except (NotAllowed, BadDestination) as error:
            self._refuse(agent, _FORBIDDEN if isinstance(error, NotAllowed) else _NOT_FOUND, str(error))
            return
        trunk = customer.record.trunk
        call = CallRequest(
            attempt_id=new_id(),
            to=reach.to,
            sender=customer.request.sender,
            trunk=trunk,
            display_name=customer.request.display_name,
            ring_timeout=_RING,
            part=Part.OTHER,
            joins=customer.id,
            referred_by=event.by,
        )
        self._run(self._begin(_Referral(agent, customer), call))

    def tell(self, call: str, status: int) -> None:
        """What the call to a target came to; harmless for any other call."""
        known = self._under_way.get(call)
        if known is None:
            return
        if status >= 200:
            del self._under_way[call]
            self._note(known.customer, f"transfer by the agent's phone: {status}")
        if status >= 300:
            self._take_back(known)
        known.agent.line.tell_transfer(known.agent.id, status)

    async def _begin(self, referral: _Referral, call: CallRequest) -> None:
        # What its line reports may come before `place` returns.
        self._under_way[call.attempt_id] = referral
        agent = referral.agent
        try:
            await self._place(call)
        except Exception as error:
            if not isinstance(error, ClarionError):
                note_failure("referral", error, call=agent.id)
            self._under_way.pop(call.attempt_id, None)
            # The phone waits for an answer.
            self._refuse(agent, _BUSY, str(error))
            return
        if call.attempt_id not in self._under_way:
            # It is over already, and the phone was told.
            return
        agent.line.tell_transfer(agent.id, _ACCEPTED)
        if self._bridges.customer_of(agent.id) is referral.customer:
            self._bridges.let_go(referral.customer.id, agent.id)

    def _take_back(self, referral: _Referral) -> None:
        """The agent has the customer again, where both are still there and apart."""
        agent, customer = referral.agent, referral.customer
        up = agent.record.state is CallState.ANSWERED and not agent.stopped and self._roster.find(agent.id) is agent
        if up and self._bridges.has(customer.id) and self._bridges.customer_of(agent.id) is None:
            self._bridges.put(customer, agent, Wish(zip_tone=False))

    def _refuse(self, agent: LiveCall, status: int, why: str) -> None:
        self._note(agent, f"transfer by the agent's phone is refused: {why}")
        agent.line.tell_transfer(agent.id, status)
