"""The course of a customer's conversation: who hears music, who comes back to the script, and who is let go."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from common.conversation import Part, Supervision, Wish
from common.errors import ContractError, Refused
from mediaserver.switch.hearing import Member
from mediaserver.switch.talk import (
    Changes,
    Command,
    Joins,
    Leaves,
    Music,
    Over,
    Release,
    State,
    Talk,
    ZipTone,
)

CUSTOMER = Member("c", Part.CUSTOMER)
AGENT = Member("a", Part.AGENT)


def talking() -> Talk:
    talk = Talk("c")
    talk.begin()
    talk.join("a", Part.AGENT, Wish())
    return talk


def test_a_customer_waits_with_music_and_an_agent_is_told_by_a_zip_tone() -> None:
    talk = Talk("c")

    assert talk.begin() == [Music("c", True)]
    assert talk.join("a", Part.AGENT, Wish()) == [Joins(CUSTOMER), Music("c", False), Joins(AGENT), ZipTone("a")]
    assert talk.join("b", Part.AGENT, Wish(zip_tone=False)) == [Joins(Member("b", Part.AGENT))]


def test_a_held_customer_hears_music_and_a_held_agent_does_not() -> None:
    talk = talking()

    assert talk.change("c", Wish(held=True)) == [Changes(Member("c", Part.CUSTOMER, held=True)), Music("c", True)]
    assert talk.change("c", Wish(held=False)) == [Changes(CUSTOMER), Music("c", False)]
    assert talk.change("a", Wish(held=True)) == [Changes(Member("a", Part.AGENT, held=True))]


def test_a_lost_agent_gives_the_customer_back_to_the_script() -> None:
    talk = talking()

    assert talk.leave("a", "network_disconnect") == [Leaves(AGENT), Over("network_disconnect")]
    assert talk.state is State.OVER


def test_the_customers_hang_up_leaves_agents_and_releases_those_who_were_consulted() -> None:
    talk = talking()
    other = Member("o", Part.OTHER)
    talk.join("o", Part.OTHER, Wish())
    talk.expect("p")

    ended = talk.end("far_end_disconnect")
    assert ended == [Leaves(AGENT), Leaves(other), Release("o"), Release("p"), Over("far_end_disconnect")]
    assert talk.end("again") == []


def test_a_consultation_is_completed_by_the_agents_leaving() -> None:
    talk = talking()
    talk.change("c", Wish(held=True))
    talk.join("o", Part.OTHER, Wish())

    assert talk.leave("a", "far_end_disconnect") == [Leaves(AGENT), Changes(CUSTOMER), Music("c", False)]
    assert talk.state is State.TALKING


def test_a_blind_transfer_lets_the_customer_wait_for_who_is_called() -> None:
    talk = talking()
    talk.expect("o")

    assert talk.leave("a", "far_end_disconnect") == [Leaves(AGENT), Music("c", True)]
    assert talk.join("o", Part.OTHER, Wish()) == [Music("c", False), Joins(Member("o", Part.OTHER))]


def test_who_is_called_and_does_not_come_gives_the_customer_back() -> None:
    talk = talking()
    talk.expect("o")
    talk.leave("a", "far_end_disconnect")

    assert talk.leave("o", "busy") == [Music("c", False), Over("busy")]


def test_who_is_called_in_vain_disturbs_nobody() -> None:
    talk = talking()
    talk.expect("o")

    assert talk.leave("o", "busy") == []
    assert talk.state is State.TALKING


def test_a_supervisor_is_no_company() -> None:
    talk = talking()
    boss = Member("s", Part.SUPERVISOR, supervision=Supervision.WHISPER)

    assert talk.join("s", Part.SUPERVISOR, Wish(supervision=Supervision.WHISPER)) == [Joins(boss)]
    assert talk.leave("a", "network_disconnect") == [Leaves(AGENT), Leaves(boss), Over("network_disconnect")]


def test_nobody_can_be_changed_who_is_not_in_it() -> None:
    with pytest.raises(ContractError, match="x is not in"):
        talking().change("x", Wish(muted=True))


@pytest.mark.parametrize(
    ("body", "field"),
    [({"held": 1}, "held"), ({"supervision": "spy"}, "supervision"), ({"loud": True}, "loud")],
)
def test_a_wish_that_is_none_is_refused_by_its_field(body: dict[str, object], field: str) -> None:
    with pytest.raises(Refused, match=field):
        Wish.from_json(body)


PARTS = st.sampled_from([Part.AGENT, Part.OTHER, Part.SUPERVISOR])


class Conversations(RuleBasedStateMachine):
    """Whatever happens: whoever is alone, held or waiting hears music, and nobody else does."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk("c")
        self.music: set[str] = set()
        self.over = 0
        self.obey(self.talk.begin())

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, Music):
                assert (command.call in self.music) != command.on
                (self.music.add if command.on else self.music.discard)(command.call)
            elif isinstance(command, Over):
                self.over += 1

    @precondition(lambda self: not self.over)
    @rule(call=st.sampled_from("abo"), part=PARTS, held=st.none() | st.booleans())
    def join(self, call: str, part: Part, held: bool | None) -> None:
        if call not in self.talk:
            self.obey(self.talk.join(call, part, Wish(held=held)))

    @precondition(lambda self: not self.over)
    @rule(call=st.sampled_from("po"))
    def expect(self, call: str) -> None:
        if call not in self.talk:
            self.talk.expect(call)

    @precondition(lambda self: not self.over)
    @rule(call=st.sampled_from("cabo"), held=st.booleans())
    def hold(self, call: str, held: bool) -> None:
        if call in self.talk:
            self.obey(self.talk.change(call, Wish(held=held)))

    @precondition(lambda self: not self.over)
    @rule(call=st.sampled_from("abop"))
    def leave(self, call: str) -> None:
        self.obey(self.talk.leave(call, "far_end_disconnect"))

    @rule()
    def end(self) -> None:
        self.obey(self.talk.end("far_end_disconnect"))

    @invariant()
    def music_is_for_those_who_wait(self) -> None:
        waits = {"c"} if self.talk.state is State.WAITING else set()
        held = {one.call for one in self.talk.members if one.held and one.part is not Part.AGENT}
        assert self.music == (set() if self.over else waits | held)

    @invariant()
    def it_ends_once(self) -> None:
        assert self.over == (self.talk.state is State.OVER)


TestConversations = Conversations.TestCase
TestConversations.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
