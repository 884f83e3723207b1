"""Any far end, any order, any timing: a call ends exactly once and leaves nothing."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from common.control import Trunk
from mediaserver.switch.sip.events import Ended, Established, Failed
from mediaserver.switch.sip.transaction import State
from tests.support.sip_bench import ANSWER, FAR, SipBench

CHALLENGE = (("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),)


class AnyFarEnd(RuleBasedStateMachine):
    @initialize(known_user=st.booleans())
    def place(self, known_user: bool) -> None:
        self.bench = SipBench()
        self.cseq = 0
        trunk = Trunk(FAR.host, FAR.port, username="user" if known_user else "")
        self.bench.call(trunk=trunk)

    @rule(
        status=st.sampled_from([100, 180, 183, 200, 200, 204, 302, 407, 486, 487, 603]),
        tag=st.sampled_from(["far", "fork"]),
        media=st.booleans(),
        back=st.integers(0, 1),
    )
    def answer_an_invite(self, status: int, tag: str, media: bool, back: int) -> None:
        invites = self.bench.requests("INVITE")
        invite = invites[max(0, len(invites) - 1 - back)]
        self.bench.reply(
            invite, status, tag=tag, sdp=ANSWER if media else b"", headers=CHALLENGE if status == 407 else ()
        )

    @rule(method=st.sampled_from(["BYE", "CANCEL"]), status=st.sampled_from([100, 200, 407, 481, 500]))
    def answer_another_request(self, method: str, status: int) -> None:
        for request in self.bench.requests(method)[-1:]:
            self.bench.reply(request, status, headers=CHALLENGE if status == 407 else ())

    @rule(
        method=st.sampled_from(["BYE", "INVITE", "UPDATE", "INFO", "ACK"]),
        tag=st.sampled_from(["far", "fork", "guess"]),
        body=st.sampled_from([b"", ANSWER, b"junk"]),
    )
    def ask(self, method: str, tag: str, body: bytes) -> None:
        self.cseq += method != "ACK"
        self.bench.far_request(self.bench.requests("INVITE")[-1], method, cseq=self.cseq, far_tag=tag, body=body)

    @rule()
    def hang_up(self) -> None:
        self.bench.hang_up()

    @rule()
    def lose_the_network(self) -> None:
        self.bench.agent.transport_failed(self.bench.sent[-1].serialize(), self.bench.now)
        self.bench.collect()

    @rule(seconds=st.sampled_from([0.1, 0.6, 5.0, 21.0, 33.0]))
    def wait(self, seconds: float) -> None:
        self.bench.advance(seconds)

    @invariant()
    def the_call_ends_at_most_once(self) -> None:
        ends = len(self.bench.of(Ended)) + len(self.bench.of(Failed))
        assert ends <= 1
        assert len(self.bench.of(Established)) <= 1
        assert len(self.bench.of(Ended)) <= len(self.bench.of(Established))
        assert not (self.bench.of(Failed) and self.bench.of(Established))
        assert (ends == 1) == (self.bench.agent.counts()[0] == 0)

    @invariant()
    def one_attempt_has_one_call_id(self) -> None:
        assert len({request.call_id for request in self.bench.requests("INVITE")}) <= 1

    @invariant()
    def every_accepted_invite_was_acknowledged(self) -> None:
        for transaction in self.bench.agent.layer._clients.values():
            if transaction.request.method == "INVITE" and transaction.state is State.ACCEPTED:
                assert transaction.acks

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.hang_up()
            self.bench.advance(300.0)
            assert len(self.bench.of(Ended)) + len(self.bench.of(Failed)) == 1
            assert self.bench.agent.counts() == (0, 0, 0, 0)


AnyFarEnd.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnyFarEnd = AnyFarEnd.TestCase
