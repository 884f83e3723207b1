"""Transfers, where the shell can carry them out."""

from __future__ import annotations

from tests.support.voicexml import talk
from vxml.messages import EndReason, Transfer, Transferred

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
