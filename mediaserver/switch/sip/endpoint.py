"""The UDP shell of the user agent: one socket, one event loop, no thread.

endpoint = SipEndpoint(SipConfig(bind_host="127.0.0.1", bind_port=0))
await endpoint.start(sink)            # sink(event) is called on the event loop; see events.py
endpoint.invite(InviteSpec(...))      # returns at once
endpoint.hang_up(call)                # CANCEL before the answer, BYE after it
await endpoint.close()
"""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.switch.sip.events import InviteSpec, SipSink


@dataclass(frozen=True, slots=True)
class SipConfig:
    """Where the user agent lives and how patient it is. Seconds; port 0 takes any free port.

    `advertise_host` is what Via and Contact say, needed when `bind_host` is a wildcard.
    `incoming_status` is the final answer to an INVITE from outside (403, or 486).
    """

    bind_host: str = "127.0.0.1"
    bind_port: int = 0
    advertise_host: str = ""
    user_agent: str = "Clarion"
    incoming_status: int = 403
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0


@dataclass(frozen=True, slots=True)
class SipStats:
    """What the user agent holds right now: all zero some 64*T1 after the last call."""

    calls: int
    dialogs: int
    transactions: int
    timers: int
    tasks: int


class SipEndpoint:
    """The SIP side of a line: places calls, keeps their dialogs, tells the sink."""

    def __init__(self, config: SipConfig | None = None) -> None:
        self._config = config or SipConfig()

    @property
    def address(self) -> tuple[str, int]:
        """The bound address, known once started."""
        raise NotImplementedError

    async def start(self, sink: SipSink) -> None:
        """Bind the socket. Raise ConfigError when the address cannot be bound."""
        raise NotImplementedError

    def invite(self, spec: InviteSpec) -> None:
        """Place a call. Raise ContractError when `spec.call` is under way already."""
        raise NotImplementedError

    def hang_up(self, call: str) -> None:
        """End a call whatever its state; unknown and ended calls are ignored. `Ended` or `Failed` follows."""
        raise NotImplementedError

    def stats(self) -> SipStats:
        raise NotImplementedError

    async def close(self, grace: float = 2.0) -> None:
        """Hang up everything, wait `grace` seconds at most for the answers, then free socket, timers and tasks."""
        raise NotImplementedError
