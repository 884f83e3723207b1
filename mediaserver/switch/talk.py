"""The course of one customer's conversation with agents and others: pure rules, orders in, commands out.

The customer waits for somebody with music, talks, waits again while somebody else is being called, and comes back to
the script when nobody is left. Whoever remains when somebody leaves is taken off hold: a customer never sits with
music that nobody can end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from common.conversation import Part, Supervision, Wish
from common.errors import ContractError
from mediaserver.switch.hearing import Member


class State(StrEnum):
    #: For an agent, or for somebody who is being called: the customer hears music.
    WAITING = "waiting"
    TALKING = "talking"
    OVER = "over"


class Step(StrEnum):
    JOIN = "join"
    #: Nobody but supervisors is left, and somebody is being called.
    ALONE = "alone"
    END = "end"


NEXT: Mapping[State, Mapping[Step, State]] = {
    State.WAITING: {Step.JOIN: State.TALKING, Step.ALONE: State.WAITING, Step.END: State.OVER},
    State.TALKING: {Step.JOIN: State.TALKING, Step.ALONE: State.WAITING, Step.END: State.OVER},
    State.OVER: {},
}


@dataclass(frozen=True, slots=True)
class Joins:
    """Into the room; whoever is in it comes with other rights."""

    member: Member


@dataclass(frozen=True, slots=True)
class Changes:
    """How a member takes part."""

    member: Member


@dataclass(frozen=True, slots=True)
class Leaves:
    """Out of the room; its call is still up, unless it has ended by itself."""

    member: Member


@dataclass(frozen=True, slots=True)
class ZipTone:
    call: str


@dataclass(frozen=True, slots=True)
class Music:
    call: str
    on: bool


@dataclass(frozen=True, slots=True)
class Release:
    """Hang it up: without the customer there is nothing for it to do here."""

    call: str


@dataclass(frozen=True, slots=True)
class Over:
    """The customer is alone, or gone; `outcome` as in `vxml.messages.Transferred`."""

    outcome: str


Command = Joins | Changes | Leaves | ZipTone | Music | Release | Over


class Talk:
    """`customer` names the customer's call; commands are to be carried out in their order."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.state = State.WAITING
        self._members: dict[str, Member] = {}
        self._called: set[str] = set()
        self._with_music: set[str] = set()

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(self._members.values())

    def __contains__(self, call: str) -> bool:
        return call in self._members

    def begin(self) -> list[Command]:
        return list(self._tune())

    def expect(self, call: str) -> None:
        """It is being called, to join once it answers."""
        self._called.add(call)

    def join(self, call: str, part: Part, wish: Wish) -> list[Command]:
        """Somebody who is up comes in."""
        self._called.discard(call)
        commands: list[Command] = []
        if not self._members:
            self._members[self.customer] = Member(self.customer, Part.CUSTOMER)
            commands.append(Joins(self._members[self.customer]))
        member = self._members[call] = _with(Member(call, part), wish)
        if part is not Part.SUPERVISOR:
            self._step(Step.JOIN)
        # The music ends before the first word.
        commands += [*self._tune(), Joins(member)]
        if part is Part.AGENT and wish.zip_tone:
            commands.append(ZipTone(call))
        return commands

    def change(self, call: str, wish: Wish) -> list[Command]:
        """Raise ContractError for whoever is not in it."""
        known = self._members.get(call)
        if known is None:
            raise ContractError(f"{call} is not in this conversation")
        member = self._members[call] = _with(known, wish)
        return [Changes(member), *self._tune()]

    def leave(self, call: str, outcome: str) -> list[Command]:
        """It leaves, or its call has ended; `outcome` counts when that leaves the customer alone."""
        member = self._members.pop(call, None)
        if member is None:
            return self._missed(call, outcome)
        commands: list[Command] = [Leaves(member)]
        if member.part is Part.SUPERVISOR:
            # One who was held leaves without the music.
            return [*commands, *self._tune()]
        if any(self._partners()):
            for left in tuple(self._members.values()):
                if left.held:
                    commands.append(Changes(self._unheld(left)))
            return [*commands, *self._tune()]
        return commands + self._alone(outcome)

    def end(self, outcome: str) -> list[Command]:
        """The customer is gone, or the script takes it back."""
        if self.state is State.OVER:
            return []
        self._step(Step.END)
        self._members.pop(self.customer, None)
        left, called = tuple(self._members.values()), sorted(self._called)
        self._members.clear()
        self._called.clear()
        commands: list[Command] = [*self._tune(), *map(Leaves, left)]
        commands += [Release(member.call) for member in left if member.part is Part.OTHER]
        commands += [Release(call) for call in called]
        return [*commands, Over(outcome)]

    def _missed(self, call: str, outcome: str) -> list[Command]:
        """Whoever was called does not come."""
        if call not in self._called:
            return []
        self._called.discard(call)
        waits = self.state is State.WAITING and self._members and not any(self._partners())
        return self._alone(outcome) if waits else []

    def _alone(self, outcome: str) -> list[Command]:
        if not self._called:
            return self.end(outcome)
        self._step(Step.ALONE)
        return list(self._tune())

    def _partners(self) -> Iterator[Member]:
        return (member for member in self._members.values() if member.part in (Part.AGENT, Part.OTHER))

    def _unheld(self, member: Member) -> Member:
        self._members[member.call] = replace(member, held=False)
        return self._members[member.call]

    def _tune(self) -> Iterator[Command]:
        """Who begins or ceases to hear music."""
        wanted = {member.call for member in self._members.values() if member.held and member.part is not Part.AGENT}
        if self.state is State.WAITING:
            wanted.add(self.customer)
        if self.state is State.OVER:
            wanted.clear()
        for call in sorted(self._with_music - wanted):
            yield Music(call, False)
        for call in sorted(wanted - self._with_music):
            yield Music(call, True)
        self._with_music = wanted

    def _step(self, step: Step) -> None:
        following = NEXT[self.state].get(step)
        if following is None:
            raise ContractError(f"{step} in a conversation that is {self.state}")
        self.state = following


def _with(member: Member, wish: Wish) -> Member:
    return replace(
        member,
        held=member.held if wish.held is None else wish.held,
        muted=member.muted if wish.muted is None else wish.muted,
        supervision=wish.supervision or member.supervision if member.part is Part.SUPERVISOR else Supervision.LISTEN,
    )
