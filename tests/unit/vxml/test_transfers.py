"""Transfers, where the shell can carry them out."""

from __future__ import annotations

import pytest

from tests.support.voicexml import BASE, talk
from vxml.messages import EndReason, EndTransfer, Hangup, Spoken, Transfer, Transferred
from vxml.text import Transcript

BODY = """<form><transfer name="t" dest="tel:+15550100" type="{}" connecttimeout="20s"><prompt>Wait</prompt>
  <filled><log><value expr="t"/> <value expr="t$.duration"/></log></filled></transfer></form>"""


def test_a_bridged_transfer_fills_its_item_with_the_outcome() -> None:
    heard = talk(BODY.format("bridge"), [Transferred(0, "far_end_disconnect", 2500)], transfers=["bridge"])
    assert heard.of("log") == ["far_end_disconnect 2.5"]
    transfer = next(command for command in heard.commands if isinstance(command, Transfer))
    assert (transfer.destination, transfer.connect_timeout) == ("tel:+15550100", 20.0)


def test_a_blind_transfer_ends_the_conversation() -> None:
    heard = talk(BODY.format("blind"), transfers=["blind"])
    assert heard.of("log") == []
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.HANGUP


def test_outcomes_that_are_events_are_thrown() -> None:
    body = "<catch event='error.connection'><log><value expr='_event'/></log><exit/></catch>" + BODY.format("bridge")
    heard = talk(body, [Transferred(0, "error.connection.noroute")], transfers=["bridge"])
    assert heard.of("log") == ["error.connection.noroute"]


KINDS = ("blind", "bridge", "consultation")


def transfer(attributes: str, content: str = "", script: object = (), kinds: tuple[str, ...] = KINDS) -> Transcript:
    body = f"""<catch><log><value expr="_event"/></log><exit/></catch><form>
      <transfer name="t" {attributes}>{content}<filled><log><value expr="t"/></log></filled></transfer></form>"""
    return talk(body, script, transfers=kinds)


def command(heard: Transcript) -> Transfer:
    return next(one for one in heard.commands if isinstance(one, Transfer))


@pytest.mark.parametrize(
    "outcome",
    ["busy", "noanswer", "network_busy", "near_end_disconnect", "far_end_disconnect", "network_disconnect",
     "maxtime_disconnect", "unknown"],
)  # fmt: skip
def test_each_outcome_of_a_bridge_fills_the_item(outcome: str) -> None:
    assert transfer('dest="tel:1" bridge="true"', script=[Transferred(0, outcome)]).of("log") == [outcome]


@pytest.mark.parametrize(
    "event",
    ["connection.disconnect.transfer", "error.connection.noauthorization", "error.connection.baddestination",
     "error.connection.noroute", "error.connection.noresource", "error.connection.protocol.503"],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_outcomes_with_a_dot_are_events_for_every_kind(kind: str, event: str) -> None:
    assert transfer(f'dest="tel:1" type="{kind}"', script=[Transferred(0, event)]).of("log") == [event]


@pytest.mark.parametrize(
    ("attributes", "event"),
    [
        ('dest="tel:1" type="consultation"', "error.unsupported.transfer.consultation"),
        ('dest="tel:1" bridge="true"', "error.unsupported.transfer.bridge"),
        ('dest="tel:1" bridge="false"', "error.unsupported.transfer.blind"),
        ('dest="tel:1" type="warm"', "error.badfetch"),
    ],
)
def test_kinds_that_the_platform_does_not_have_are_unsupported(attributes: str, event: str) -> None:
    assert transfer(attributes, kinds=()).of("log") == [event]


@pytest.mark.parametrize(
    ("destination", "event"),
    [("fax:+1", "error.unsupported.uri"), ("5550100", "error.connection.baddestination"),
     ("tel:", "error.connection.baddestination"), ("", "error.connection.baddestination")],
)  # fmt: skip
def test_where_nobody_can_be_called(destination: str, event: str) -> None:
    assert transfer(f"destexpr=\"'{destination}'\"").of("log") == [event]


def test_the_attributes_reach_the_shell() -> None:
    made = command(
        transfer(
            """destexpr="'tel:' + 12" type="bridge" connecttimeout="15s" maxtime="1500ms" aaiexpr="'a' + 1"
            transferaudio="wait.wav" """,
            script=[Transferred(0, "busy")],
        )
    )
    assert (made.destination, made.connect_timeout, made.max_seconds, made.aai) == ("tel:12", 15.0, 1.5, "a1")
    assert made.audio is not None
    assert made.audio.url == BASE + "wait.wav"
    assert not made.listens


def test_no_time_limit_holds_for_a_call_that_leaves() -> None:
    assert command(transfer('dest="tel:1" type="consultation" maxtime="5s"')).max_seconds == 0.0


STAR = '<grammar mode="dtmf" root="g"><rule id="g">* 1</rule></grammar>'


def test_keys_of_its_own_grammar_take_the_caller_back() -> None:
    body = f"""<link dtmf="7" event="outer"/><form><transfer name="t" dest="tel:1" type="bridge">{STAR}<filled><log>
      <value expr="[t, t$.inputmode, t$.utterance, application.lastresult$.utterance].join()"/></log></filled>
      </transfer></form>"""
    heard = talk(body, "7*2**1", transfers=KINDS)
    assert heard.of("log") == ["near_end_disconnect,dtmf,*1,*1"]
    assert [type(one) for one in heard.commands].count(EndTransfer) == 1


def test_words_of_its_own_grammar_take_the_caller_back() -> None:
    stop = '<grammar mode="voice" root="g"><rule id="g">stop it</rule></grammar>'
    body = f"""<form><transfer name="t" dest="tel:1" type="consultation">{stop}<filled><log>
      <value expr="t + t$.inputmode + t$.utterance"/></log></filled></transfer></form>"""
    said = [Spoken("hello"), Spoken("stop it", 0.1), Spoken("stop it")]
    assert talk(body, said, transfers=KINDS, recognizer=True).of("log") == ["near_end_disconnectvoicestop it"]


def test_a_blind_transfer_does_not_listen() -> None:
    assert not command(transfer('dest="tel:1" type="blind"', STAR)).listens


def test_the_shadow_variable_has_no_input_where_none_ended_the_call() -> None:
    content = '<filled><log><value expr="t$.duration + typeof t$.inputmode + typeof t$.utterance"/></log></filled>'
    heard = transfer('dest="tel:1" type="bridge"', STAR + content, [Transferred(0, "far_end_disconnect", 61500)])
    assert heard.of("log")[0] == "61.5undefinedundefined"


def test_a_caller_who_leaves_a_bridge_is_a_hangup() -> None:
    assert transfer('dest="tel:1" type="bridge"', script=[Hangup()]).of("log") == ["connection.disconnect.hangup"]


def test_after_a_blind_transfer_the_script_may_go_on_but_not_listen() -> None:
    body = """<catch event="connection.disconnect.transfer"><log>left</log><goto next="#after"/></catch>
      <form><transfer name="t" dest="tel:1"/></form>
      <form id="after"><block><log>tidied</log></block><field name="f" type="digits"/>
      <block><log>no</log></block></form>"""
    assert talk(body, transfers=KINDS).of("log") == ["left", "tidied"]
