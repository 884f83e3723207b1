"""Who hears whom in bridges and conferences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.conversation import Part, Supervision
from common.errors import ContractError
from mediaserver.switch.conversation import Conversation
from mediaserver.switch.hearing import Member, hearing

CUSTOMER, AGENT, OTHER = Member("c", Part.CUSTOMER), Member("a", Part.AGENT), Member("o", Part.OTHER)


def boss(how: Supervision) -> Member:
    return Member("s", Part.SUPERVISOR, supervision=how)


def test_two_people_hear_each_other_and_never_themselves() -> None:
    assert hearing([CUSTOMER, AGENT]) == {("c", "a"), ("a", "c")}


def test_whoever_is_held_hears_nobody_and_is_heard_by_nobody() -> None:
    held = Member("c", Part.CUSTOMER, held=True)

    assert hearing([held, AGENT, OTHER]) == {("a", "o"), ("o", "a")}


def test_the_muted_hear_but_are_not_heard() -> None:
    assert hearing([CUSTOMER, Member("a", Part.AGENT, muted=True)]) == {("a", "c")}


@pytest.mark.parametrize(
    ("how", "hear_the_supervisor"),
    [(Supervision.LISTEN, set()), (Supervision.WHISPER, {"a"}), (Supervision.BARGE, {"a", "c", "o"})],
)
def test_a_supervisor_hears_all_and_is_heard_as_chosen(how: Supervision, hear_the_supervisor: set[str]) -> None:
    pairs = hearing([CUSTOMER, AGENT, OTHER, boss(how)])

    assert {listener for listener, speaker in pairs if speaker == "s"} == hear_the_supervisor
    assert {speaker for listener, speaker in pairs if listener == "s"} == {"a", "c", "o"}


class Room:
    """Keeps what it was told, as the C loop does."""

    def __init__(self) -> None:
        self.inside: set[Any] = set()
        self.pairs: set[tuple[Any, Any]] = set()

    def join(self, stream: Any) -> None:
        self.leave(stream)
        self.inside.add(stream)

    def leave(self, stream: Any) -> None:
        self.inside.discard(stream)
        self.pairs = {pair for pair in self.pairs if stream not in pair}

    def hear(self, listener: Any, speaker: Any, on: bool) -> None:
        assert {listener, speaker} <= self.inside
        (self.pairs.add if on else self.pairs.discard)((listener, speaker))

    def close(self) -> None:
        self.inside, self.pairs = set(), set()


def test_a_call_that_is_not_up_cannot_join() -> None:
    with pytest.raises(ContractError, match="c is not up"):
        Conversation(Room(), lambda call: None).join(CUSTOMER)


def test_a_call_that_is_not_in_it_is_told_of() -> None:
    talk = Conversation(Room(), lambda call: call)
    for act in (lambda: talk.mute("x", True), lambda: talk.hold("x", True)):
        with pytest.raises(ContractError):
            act()
    talk.join(AGENT)
    with pytest.raises(ContractError):
        talk.supervise("a", Supervision.BARGE)


class AnyConversation(RuleBasedStateMachine):
    """Whatever people do, the room holds exactly what the rules say."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room()
        self.talk = Conversation(self.room, lambda call: call)

    @rule(call=st.sampled_from("abcd"), part=st.sampled_from(Part))
    def join(self, call: str, part: Part) -> None:
        self.talk.join(Member(call, part))

    @rule(call=st.sampled_from("abcd"))
    def leave(self, call: str) -> None:
        self.talk.leave(call)

    @precondition(lambda self: self.talk.members)
    @rule(data=st.data(), on=st.booleans(), how=st.sampled_from(Supervision))
    def change(self, data: st.DataObject, on: bool, how: Supervision) -> None:
        member = data.draw(st.sampled_from(self.talk.members))
        acts = [self.talk.mute, self.talk.hold]
        data.draw(st.sampled_from(acts))(member.call, on)
        if member.part is Part.SUPERVISOR:
            self.talk.supervise(member.call, how)

    @invariant()
    def the_room_is_as_the_rules_say(self) -> None:
        assert self.room.pairs == hearing(self.talk.members)
        assert self.room.inside == {member.call for member in self.talk.members}


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
