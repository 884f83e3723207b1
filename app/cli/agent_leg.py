"""`clarion call --agent`: an agent's leg is nailed up first, and given to the customer when the script asks for one."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from common.control import CallEvent, CallRequest, CallStatus, Disposition, EventType, Trunk
from common.conversation import Part, Wish
from common.errors import Refused
from common.ids import new_id

if TYPE_CHECKING:
    from mediaserver.local import LocalServer

_DAY = 86_400.0
_LOOPBACK = re.compile(r"sip:[^@]+@(?P<host>[^:\]]+|\[[^\]]+\])(?::(?P<port>[0-9]+))?")


@dataclass(slots=True)
class Nailed:
    """What became of the agent's leg."""

    answered: bool = False
    #: Customers it was bridged to.
    bridged: int = 0
    #: It was still up when the customer's call had ended.
    stayed: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"answered": self.answered, "bridged": self.bridged, "stayed": self.stayed}


def leg_request(phone: str, like: CallRequest) -> CallRequest:
    """A leg to `phone`: by the customer's trunk, or to the address of a sip: URI."""
    match = _LOOPBACK.fullmatch(phone)
    trunk = like.trunk if match is None else Trunk(match["host"], int(match["port"] or 5060))
    return replace(
        like, attempt_id=new_id(), to=phone, trunk=trunk, part=Part.AGENT, application="", values={}, max_duration=_DAY
    )


async def call_with_agent(server: LocalServer, request: CallRequest, phone: str) -> tuple[CallStatus, Nailed]:
    """Place the leg, then the call. Raise Refused when the agent's phone does not answer."""
    nailed, leg = Nailed(), leg_request(phone, request)
    up = asyncio.Event()

    def heard(event: CallEvent) -> None:
        if event.attempt_id == leg.attempt_id and event.type is EventType.ANSWERED:
            nailed.answered = True
            up.set()
        elif event.type is EventType.AGENT_WANTED:
            _put_through(server, event.attempt_id, leg.attempt_id)
        elif event.type is EventType.JOINED:
            nailed.bridged += 1

    server.listeners.append(heard)
    agent = asyncio.create_task(server.call(leg))
    waiting = asyncio.create_task(up.wait())
    await asyncio.wait({agent, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not nailed.answered:
        ended = await agent
        raise Refused(f"--agent {phone}: the phone did not answer ({ended.disposition} {ended.reason})")
    try:
        status = await server.call(request)
        nailed.stayed = not agent.done()
        return status, nailed
    finally:
        server.board.hang_up(leg.attempt_id)
        await asyncio.gather(agent, return_exceptions=True)


def _put_through(server: LocalServer, customer: str, agent: str) -> None:
    calls = server.board.roster.find(customer), server.board.roster.find(agent)
    if calls[0] is not None and calls[1] is not None and calls[1].record.disposition is Disposition.ANSWERED:
        server.board.bridges.put(calls[0], calls[1], Wish())
