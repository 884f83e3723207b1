"""The engine's times and sizes. Tests shorten them; sites have no need to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Seconds, unless said otherwise."""

    #: Between two looks at what may start.
    tick: float = 0.1
    #: Between two looks at the jobs: pause, resume and stop act within this and a tick.
    poll: float = 0.2
    #: How long a contact stays leased in the hopper.
    lease: float = 60.0
    #: How long an engine is thought alive, and its director's chair kept, without a renewal.
    life: float = 6.0
    #: Between two renewals of that, of the director's chair, and of the parts of trunks' limits.
    renewal: float = 1.5
    #: A part of a trunk's limits goes to another engine or media server so long after its last use: more than a call
    #: takes to leave after it was asked for (mediaserver.switch.sip.limits.PATIENCE, and a second).
    settle: float = 5.0
    #: The longest pause of a trunk that asks for one (503 with Retry-After).
    longest_rest: float = 3600.0
    #: Outcomes wait so long for others to be written with them.
    flush: float = 0.05
    #: Contacts in a job's hopper at most.
    hopper: int = 200
    #: A trunk rests so long after a fault.
    trunk_rest: float = 60.0
    #: A media server silent for so long is given up, with the calls on it.
    server_limit: float = 120.0
    #: Between two looks at a media server.
    server_poll: float = 1.0
    #: Between two looks whether events of calls under way were missed.
    sweep: float = 15.0
    #: Between two searches for attempts that nobody follows, and their least age.
    stray: float = 30.0
    #: Between two looks whether somebody we are ringing asked not to be called; the gate's look holds so long for what
    #: has not left yet.
    dnc_watch: float = 0.3
    #: How long calls under way may take to finish after SIGTERM.
    grace: float = 10.0
    #: The longest call.
    max_call: float = 3600.0
    #: A call followed for so long without an outcome has none: longer than it can take to be placed, to ring, to last.
    max_attempt: float = 3600.0 + 1800.0
    #: Between two looks at the test calls, and at each one under way.
    test_poll: float = 0.5
    #: The longest test call.
    max_test_call: float = 900.0
    #: After a lost reply a message's provider is asked for so long whether it left.
    message_settle: float = 45.0
    #: SMS and emails being sent at one time.
    messages: int = 16
