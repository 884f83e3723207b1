"""Events: which catch takes them, how often they were counted, what happens by default."""

from __future__ import annotations

import pytest

from tests.support.voicexml import exit_values, talk
from vxml.messages import Disconnect, EndReason, Hangup


def test_catches_are_chosen_by_their_count() -> None:
    heard = talk(
        """<form><field name="a" type="digits"><prompt>Ask</prompt>
          <noinput>one</noinput><noinput count="2">two<reprompt/></noinput><noinput count="4"><exit/></noinput>
          </field></form>""",
        "nnnn",
    )
    assert heard.prompts == ["Ask", "one", "two Ask", "two Ask"]


def test_without_reprompt_the_prompt_is_not_said_again() -> None:
    heard = talk(
        """<form><field name="a" type="digits"><prompt>Ask</prompt><nomatch>Wrong</nomatch>
          <noinput><exit/></noinput></field></form>""",
        "*n",
    )
    assert heard.prompts == ["Ask", "Wrong"]


def test_handlers_are_inherited_from_form_document_and_root() -> None:
    root = '<vxml version="2.1"><catch event="deep"><log>root</log><exit/></catch></vxml>'
    body = """<catch event="mid"><log>document</log><exit/></catch>
      <form><catch event="near"><log>form</log><exit/></catch><block><throw event="{}"/></block></form>"""
    seen = [
        talk(body.format(name), pages={"root.vxml": root}, attributes='application="root.vxml"').of("log")
        for name in ("near.by", "mid", "deep")
    ]
    assert seen == [["form"], ["document"], ["root"]]


def test_prefixes_match_whole_words_only() -> None:
    heard = talk(
        """<catch event="foo"><log>foo</log><exit/></catch><catch><log>any</log><exit/></catch>
        <form><block><throw event="foobar"/></block></form>"""
    )
    assert heard.of("log") == ["any"]


def test_a_catch_sees_the_event_and_its_message() -> None:
    heard = talk(
        """<catch event="my.event"><log><value expr="_event + ' ' + _message"/></log><exit/></catch>
        <form><block><throw event="my.event" messageexpr="'what ' + 1"/></block></form>"""
    )
    assert heard.of("log") == ["my.event what 1"]


def test_rethrow_passes_the_event_outwards() -> None:
    heard = talk(
        """<catch event="e"><log>outer</log><exit/></catch>
        <form><catch event="e"><log>inner</log><rethrow/></catch><block><throw event="e"/></block></form>"""
    )
    assert heard.of("log") == ["inner", "outer"]


def test_a_catch_that_throws_its_own_event_for_ever_ends_the_session() -> None:
    heard = talk('<form><catch event="e"><throw event="e"/></catch><block><throw event="e"/></block></form>')
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.ERROR
    assert "events in a row" in heard.ended.detail


@pytest.mark.parametrize("event", ["error.custom", "com.example.thing", "error.semantic"])
def test_an_event_nobody_takes_ends_the_session_as_an_error(event: str) -> None:
    heard = talk(f'<form>\n<block><throw event="{event}"/></block></form>')
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.ERROR
    assert heard.ended.detail == f"{event} (line 3)"


def test_noinput_and_nomatch_ask_again_by_default() -> None:
    heard = talk(
        '<form><field name="a" type="boolean"><prompt>Ask</prompt></field><block><exit namelist="a"/></block></form>',
        "n91",
    )
    assert heard.prompts == ["Ask", "Ask", "Ask"]
    assert exit_values(heard) == {"a": True}


def test_hanging_up_runs_the_handler_and_ends_as_a_hangup() -> None:
    heard = talk(
        """<catch event="connection.disconnect.hangup"><log>gone</log><var name="code" expr="'LEFT'"/>
        <exit namelist="code"/></catch><form><field name="a" type="digits"><prompt>Ask</prompt></field></form>""",
        [Hangup()],
    )
    assert heard.of("log") == ["gone"]
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.HANGUP
    assert heard.ended.values == {"code": "LEFT"}


def test_after_a_hangup_a_script_may_submit_but_not_ask() -> None:
    heard = talk(
        """<catch event="connection.disconnect.hangup"><goto next="#after"/></catch>
        <form><field name="a" type="digits"><prompt>Ask</prompt></field></form>
        <form id="after"><block><log>saved</log></block>
        <field name="b" type="digits"><prompt>Lost</prompt></field></form>""",
        [Hangup()],
    )
    assert heard.of("log") == ["saved"]
    assert heard.prompts == ["Ask"]
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.HANGUP


def test_disconnect_plays_what_is_queued_hangs_up_and_returns_its_namelist() -> None:
    heard = talk(
        """<form><block>Bye<var name="code" expr="'DONE'"/><disconnect namelist="code"/></block></form>""",
    )
    assert heard.prompts == ["Bye"]
    assert any(isinstance(command, Disconnect) for command in heard.commands)
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.DISCONNECT
    assert heard.ended.values == {"code": "DONE"}


def test_a_link_throws_its_event_or_jumps() -> None:
    body = """<link dtmf="0" event="help"/><link dtmf="9" next="#agent"/>
      <form><field name="a" type="digits?minlength=3"><prompt>Ask</prompt><help>Helping<reprompt/></help></field></form>
      <form id="agent"><block>Agent</block></form>"""
    assert talk(body.replace("digits?minlength=3", "boolean"), "09").prompts == ["Ask", "Helping Ask", "Agent"]


def test_platform_lacks_are_events_a_script_can_take() -> None:
    body = '<form><catch event="error.unsupported"><log><value expr="_event"/></log><exit/></catch>{}</form>'
    assert talk(body.format('<transfer dest="tel:+15550100"/>')).of("log") == ["error.unsupported.transfer.blind"]
    voice = '<field name="a"><grammar mode="voice" root="r"><rule id="r">yes</rule></grammar></field>'
    assert talk(body.format(voice)).of("log") == ["error.unsupported.format"]


def test_an_event_raises_the_counters_of_its_prefixes() -> None:
    heard = talk(
        """<form><block name="b"><throw event="app.one"/></block>
          <catch event="app" count="2"><log>second</log><exit/></catch>
          <catch event="app.one"><log>first</log><throw event="app.two"/></catch>
          <catch event="app.two"><log>never</log><exit/></catch></form>"""
    )
    assert heard.of("log") == ["first", "second"]


def test_clear_resets_the_counters_of_an_item_and_not_those_of_its_form() -> None:
    heard = talk(
        """<var name="n" expr="0"/><form><field name="a" type="digits"><prompt>Ask</prompt>
          <noinput count="2"><log>item twice</log><exit/></noinput>
          <noinput><assign name="n" expr="n + 1"/><clear namelist="a"/><if cond="n == 3"><exit/></if></noinput>
          </field></form>""",
        "nnn",
    )
    assert heard.of("log") == []


def test_an_event_of_a_filled_belongs_to_the_item_around_it_whatever_was_visited() -> None:
    body = """<form><grammar mode="dtmf" root="r" tag-format="semantics/1.0"><rule id="r">1<tag>out.b = 'x'</tag></rule>
      </grammar><initial name="i"><prompt>Ask</prompt><catch event="e"><log>initial</log><exit/></catch></initial>
      <field name="b"><filled><throw event="e"/></filled><catch event="e"><log>field</log><exit/></catch></field>
      <catch event="e"><log>form</log><exit/></catch></form>"""
    assert talk(body, "1").of("log") == ["field"]


def test_an_event_of_a_form_level_filled_belongs_to_the_form() -> None:
    body = """<form><field name="b" type="boolean"><catch event="e"><log>field</log><exit/></catch></field>
      <filled><throw event="e"/></filled><catch event="e"><log>form</log><throw event="e2"/></catch>
      <catch event="e2"><log>form again</log><exit/></catch></form>"""
    assert talk(body, "1").of("log") == ["form", "form again"]


def test_a_catch_acts_as_if_copied_to_where_the_event_is_thrown() -> None:
    root = """<vxml version="2.1"><var name="who" expr="'root'"/>
      <catch event="e"><log><value expr="who"/></log><goto next="next.vxml"/></catch></vxml>"""
    heard = talk(
        """<var name="who" expr="'leaf'"/><form><var name="who" expr="'dialog'"/>
        <block><throw event="e"/></block></form>""",
        pages={
            "roots/root.vxml": root,
            "next.vxml": '<vxml version="2.1"><form><block><log>leaf base</log></block></form></vxml>',
        },
        attributes='application="roots/root.vxml"',
    )
    assert heard.of("log") == ["dialog", "leaf base"]


def test_an_event_in_a_forms_initialisation_is_counted_and_caught_by_the_form() -> None:
    body = """<form><var name="v" expr="nothing.there"/><catch event="error.semantic"><log>form</log><exit/></catch>
      <field name="f" type="digits"><catch event="error.semantic"><log>item</log><exit/></catch></field></form>"""
    assert talk(body).of("log") == ["form"]
