"""The form interpretation algorithm: what is visited, in which order, and what fills it."""

from __future__ import annotations

from tests.support.voicexml import exit_values, talk
from vxml.messages import EndReason, Recorded


def test_speaks_a_block_and_finishes() -> None:
    heard = talk("<form><block>Hello <value expr=\"'there'\"/>.</block></form>")
    assert heard.prompts == ["Hello there."]
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.FINISHED


def test_fields_are_asked_in_order_and_returned_by_exit() -> None:
    heard = talk(
        """<form>
          <field name="a" type="digits?length=2"><prompt>A</prompt></field>
          <field name="b" type="boolean"><prompt>B</prompt></field>
          <block><exit namelist="a b"/></block></form>""",
        "12,2",
    )
    assert heard.prompts == ["A", "B"]
    assert exit_values(heard) == {"a": "12", "b": False}


def test_a_cleared_field_is_asked_again_with_its_first_prompt() -> None:
    heard = talk(
        """<form><field name="a" type="digits?length=1"><prompt count="1">first</prompt>
          <prompt count="2">second</prompt>
          <noinput><reprompt/></noinput>
          <filled><if cond="a == '0'"><clear/></if></filled></field></form>""",
        "n01",
    )
    assert heard.prompts == ["first", "second", "first"]


def test_items_whose_cond_is_false_or_whose_expr_fills_them_are_skipped() -> None:
    heard = talk(
        """<form><block cond="false">no</block><field name="x" expr="5" type="digits"><prompt>no</prompt></field>
          <block cond="x == 5">yes</block></form>"""
    )
    assert heard.prompts == ["yes"]


def test_form_level_filled_waits_for_all_or_any_of_its_namelist() -> None:
    body = """<form><field name="a" type="digits?length=1"><prompt>a</prompt></field>
      <field name="b" type="digits?length=1"><prompt>b</prompt></field>
      <filled mode="{}" namelist="a b"><log><value expr="a"/><value expr="b"/></log></filled></form>"""
    assert talk(body.format("all"), "12").of("log") == ["12"]
    assert talk(body.format("any"), "12").of("log") == ["1undefined", "12"]


def test_goto_nextitem_visits_an_item_out_of_order() -> None:
    heard = talk(
        """<form><block><goto nextitem="c"/></block><block name="b">b</block><block name="c">c</block></form>"""
    )
    assert " ".join(heard.prompts) == "c b"


def test_one_utterance_fills_several_fields_of_a_mixed_initiative_form() -> None:
    heard = talk(
        """<form><grammar mode="dtmf" root="r" tag-format="semantics/1.0"><rule id="r">1
            <tag>out.from = 'here'; out.to = 'there';</tag></rule></grammar>
          <initial name="start"><prompt>Where?</prompt></initial>
          <field name="from" type="digits"><prompt>From</prompt></field>
          <field name="to" type="digits"><prompt>To</prompt></field>
          <block><exit namelist="from to"/></block></form>""",
        "1",
    )
    assert heard.prompts == ["Where?"]
    assert exit_values(heard) == {"from": "here", "to": "there"}


def test_a_menu_leads_to_the_chosen_dialog_and_reads_out_its_choices() -> None:
    heard = talk(
        """<menu dtmf="true"><prompt>Choose. <enumerate/></prompt>
          <choice next="#one">sales</choice><choice next="#two">support</choice></menu>
          <form id="one"><block>one</block></form><form id="two"><block>two</block></form>""",
        "2",
    )
    assert heard.prompts == ["Choose. For sales, press 1. For support, press 2.", "two"]


def test_options_give_their_value_and_are_enumerated() -> None:
    heard = talk(
        """<form><field name="meal"><prompt><enumerate>Press <value expr="_dtmf"/> for <value expr="_prompt"/>.
          </enumerate></prompt><option dtmf="1" value="M">meat</option><option dtmf="2">fish</option>
          <filled><exit namelist="meal"/></filled></field></form>""",
        "2",
    )
    assert heard.prompts == ["Press 1 for meat. Press 2 for fish."]
    assert exit_values(heard) == {"meal": "fish"}


def test_shadow_variables_and_last_result_tell_how_a_field_was_filled() -> None:
    heard = talk(
        """<form><field name="a" type="boolean"><filled><log><value expr="a$.utterance"/> <value expr="a$.inputmode"/>
          <value expr="application.lastresult$[0].interpretation"/> <value expr="application.lastresult$.utterance"/>
          </log></filled></field></form>""",
        "1",
    )
    assert heard.of("log") == ["1 dtmf true 1"]


def test_if_takes_the_first_true_branch() -> None:
    body = """<form><block><if cond="{0} == 1">one<elseif cond="{0} == 2"/>two<else/>other</if></block></form>"""
    assert [talk(body.format(number)).prompts for number in (1, 2, 3)] == [["one"], ["two"], ["other"]]


def test_foreach_runs_once_per_element() -> None:
    heard = talk(
        """<form><block><var name="list" expr="['a', 'b']"/><foreach item="x" array="list"><log><value expr="x"/></log>
          </foreach><prompt>Say <foreach item="y" array="list"><value expr="y"/>, </foreach></prompt></block></form>"""
    )
    assert heard.of("log") == ["a", "b"]
    assert heard.prompts == ["Say a, b,"]


def test_a_recording_can_be_played_and_submitted() -> None:
    heard = talk(
        """<form><record name="msg" maxtime="10s" beep="true"><prompt>Speak</prompt>
          <filled><prompt><audio expr="msg"/></prompt><log><value expr="msg$.duration"/></log>
          <submit next="sink.vxml" method="post" enctype="multipart/form-data" namelist="msg"/></filled></record>
          </form>""",
        [Recorded(0, b"RIFFdata", 1500, "silence")],
        pages={"sink.vxml": '<vxml version="2.1"><form><block><exit/></block></form></vxml>'},
    )
    assert heard.of("log") == ["1500"]
    assert heard.prompts == ["Speak", "[recording]"]
    assert b"RIFFdata" in (heard.fetches[-1].body or b"")
