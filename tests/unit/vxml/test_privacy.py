"""Card numbers and PINs: nothing typed under clarion.private may be seen in traces, prompts or results."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.voicexml import exit_values, talk
from vxml.interpreter.privacy import Privacy
from vxml.messages import Play, Private, SpeechItem, Trace
from vxml.text import Transcript

CARD = "4111111111111111"
SINK = '<vxml version="2.1"><form><block><exit/></block></form></vxml>'
FIELD = """<field name="card" type="digits?length=16"><property name="clarion.private" value="true"/>
  <prompt>Card</prompt></field>"""


def traced(heard: Transcript) -> str:
    return " ".join(command.text for command in heard.commands if isinstance(command, Trace))


def test_keys_and_values_are_masked_in_the_trace() -> None:
    heard = talk(f"<form>{FIELD}<block><log>card <value expr='card'/></log></block></form>", CARD)
    assert heard.of("key") == ["•"] * 16
    assert heard.of("log") == ["card " + "•" * 16]
    assert CARD not in traced(heard)


def test_listening_is_announced_as_private_and_its_end_too() -> None:
    heard = talk(f"<form>{FIELD}<field name='b' type='boolean'/></form>", CARD + "1")
    assert [command for command in heard.commands if isinstance(command, Private)] == [Private(True), Private(False)]


def test_a_submit_that_holds_a_private_value_says_so() -> None:
    pages = {"sink.vxml": SINK}
    for names, private in (("card", True), ("copy", True), ("other", False)):
        heard = talk(
            f"""<form><var name="other" expr="'x'"/>{FIELD}<block><var name="copy" expr="'no. ' + card"/>
            <submit next="sink.vxml" namelist="{names}"/></block></form>""",
            CARD,
            pages=pages,
        )
        assert heard.fetches[-1].private is private
        assert CARD not in traced(heard)


def test_private_names_of_the_result_are_listed_also_when_copied() -> None:
    heard = talk(
        f"""<form>{FIELD}<block><var name="copy" expr="card"/><var name="inside" expr="({{number: card}})"/>
        <var name="last" expr="card.substr(12)"/><exit namelist="card copy inside last"/></block></form>""",
        CARD,
    )
    assert exit_values(heard)["card"] == CARD
    assert heard.ended is not None
    assert heard.ended.private == {"card", "copy", "inside"}


def test_speech_that_reads_a_private_value_back_is_private() -> None:
    heard = talk(
        f"""<form>{FIELD}<block>You typed <value expr="card.split('').join(' ')"/><break/> thanks</block></form>""",
        CARD,
    )
    spoken = [item for command in heard.commands if isinstance(command, Play) for item in command.items]
    private = [item.private for item in spoken if isinstance(item, SpeechItem)]
    assert private == [False, True]


def test_the_property_may_stand_on_form_or_document_and_be_taken_back() -> None:
    off = '<property name="clarion.private" value="false"/>'
    heard = talk(
        f"""<property name="clarion.private" value="true"/><form><field name="a" type="digits?length=2"/>
        <field name="b" type="digits?length=2">{off}</field></form>""",
        "1234",
    )
    assert heard.of("key") == ["•", "•", "3", "4"]


def test_errors_do_not_quote_private_values() -> None:
    heard = talk(f"<form>{FIELD}<block><throw event='error.x' messageexpr=\"'bad ' + card\"/></block></form>", CARD)
    assert heard.ended is not None
    assert CARD not in heard.ended.detail
    assert CARD not in traced(heard)


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789", min_size=4, max_size=19), st.text(max_size=20), st.text(max_size=20))
def test_no_masked_text_holds_the_secret(secret: str, before: str, after: str) -> None:
    privacy = Privacy()
    privacy.add("x", secret)
    assert secret not in privacy.mask(before + secret + after)
    assert secret not in privacy.mask(before + " ".join(secret) + after).replace(" ", "")
