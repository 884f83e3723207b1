"""Smaller rules of VoiceXML 2.0 and 2.1 that the W3C's cases at hand do not look at."""

from __future__ import annotations

import pytest

from tests.support.voicexml import page, talk
from vxml.messages import Spoken


def logged(body: str, *inputs: object, **options: object) -> list[str]:
    return talk(body, *inputs, **options).of("log")


def test_declaring_a_variable_again_without_a_value_keeps_it() -> None:
    assert logged(
        "<var name='v' expr='1'/><var name='v'/><form><block><log><value expr='v'/></log></block></form>"
    ) == ["1"]


def test_foreach_goes_through_a_copy_of_the_array() -> None:
    body = """<form><block><script>var a = [1, 2];</script><foreach item="i" array="a">
      <script>a.push(9); a[1] = 7;</script><log><value expr="i"/></log></foreach></block></form>"""
    assert logged(body) == ["1", "2"]


def test_foreach_in_a_prompt_and_within_itself() -> None:
    body = """<form><block><script>var rows = [[1, 2], [3]];</script><prompt><foreach item="row" array="rows">
      <foreach item="cell" array="row"><value expr="cell"/>, </foreach>;</foreach></prompt></block></form>"""
    assert "".join(talk(body).prompts[0].split()) == "1,2,;3,;"


def test_a_menu_numbers_the_choices_that_have_no_key_of_their_own() -> None:
    body = """<menu dtmf="true"><choice dtmf="0" event="zero">operator</choice><choice event="one">a</choice>
      <choice event="two">b</choice></menu>
      <catch event="zero one two"><log><value expr="_event"/></log><exit/></catch>"""
    assert logged(body, "0") == ["zero"]
    assert logged(body, "1") == ["one"]
    assert logged(body, "2") == ["two"]


def test_a_numbered_menu_refuses_other_keys() -> None:
    heard = talk('<menu dtmf="true"><choice dtmf="7" event="x">a</choice></menu>')
    assert heard.ended is not None
    assert "allows *, # and 0" in heard.ended.detail


@pytest.mark.parametrize(("menu", "choice", "found"), [("approximate", "", ["x"]), ("approximate", "exact", [])])
def test_a_choice_takes_accept_from_its_menu(menu: str, choice: str, found: list[str]) -> None:
    accept = f'accept="{choice}"' if choice else ""
    body = f"""<menu accept="{menu}"><choice event="x" {accept}>star gazer news</choice>
      <nomatch><exit/></nomatch></menu><catch event="x"><log>x</log><exit/></catch>"""
    assert logged(body, [Spoken("star news")], recognizer=True) == found


@pytest.mark.parametrize(
    "content",
    [
        "<throw event='a' eventexpr=\"'b'\"/>",
        "<throw/>",
        "<exit expr='1' namelist='v'/>",
        "<script src='a.js'>1</script>",
        "<goto next='#f' expr=\"'#f'\"/>",
        "<goto/>",
        "<submit next='a' expr=\"'b'\"/>",
        "<prompt><audio src='a' expr=\"'b'\"/></prompt>",
    ],
)
def test_attributes_that_exclude_each_other_are_a_bad_fetch(content: str) -> None:
    body = f"""<var name="v" expr="1"/><form id="f"><block>{content}</block></form>
      <catch event="error.badfetch"><log>bad</log><exit/></catch>"""
    assert logged(body) == ["bad"]


@pytest.mark.parametrize(
    "item",
    [
        '<transfer name="t" dest="tel:1" destexpr="\'tel:2\'"/>',
        '<transfer name="t" dest="tel:1" type="blind" bridge="true"/>',
        '<transfer name="t"/>',
    ],
)
def test_contradicting_transfers_are_a_bad_fetch(item: str) -> None:
    body = f"<form>{item}</form><catch event='error.badfetch'><log>bad</log><exit/></catch>"
    assert logged(body, transfers=["blind", "bridge"]) == ["bad"]


def test_an_unknown_recording_format_is_unsupported() -> None:
    body = """<form><record name="r" type="audio/flac"/></form>
      <catch event="error.unsupported.format"><log>no</log><exit/></catch>"""
    assert logged(body) == ["no"]


def test_objects_are_unsupported_by_name() -> None:
    body = """<form><object name="o" classid="builtin://x"/></form>
      <catch event="error.unsupported.objectname"><log>no</log><exit/></catch>"""
    assert logged(body) == ["no"]


def test_a_filled_that_names_no_input_item_refuses_the_document() -> None:
    heard = talk('<form><block name="b"/><field name="f" type="digits"/><filled namelist="f b"/></form>')
    assert heard.ended is not None
    assert '"b" is no input item' in heard.ended.detail


def test_a_bare_fragment_stays_in_the_document_and_its_address_loads_it_anew() -> None:
    body = """<var name="n" expr="0"/><form id="a"><block><assign name="n" expr="n + 1"/><log><value expr="n"/></log>
      <if cond="session.connection.ccxml.values.way == 'bare'"><goto next="#b"/><else/><goto next="start.vxml#b"/></if>
      </block></form><form id="b"><block><log><value expr="n"/></log></block></form>"""
    assert logged(body, values={"way": "bare"}) == ["1", "1"]
    assert logged(body, values={"way": "whole"}, pages={"start.vxml": page(body)}) == ["1", "0"]


def test_pages_may_probe_session_variables() -> None:
    body = """<form><block><script>
      function probe(name) { try { var v = eval(name); return typeof v } catch (e) { return 'none' } }
      var found = ['session.connection.remote.uri', 'session.avaya.ucid', 'session.avaya.uui.mode',
        'session.connection.redirect.length', 'session.nothing', 'session.nothing.more', 'nothing'].map(probe).join()
      </script><log><value expr="found"/></log></block></form>"""
    assert logged(body) == ["string,string,string,number,undefined,none,none"]


BAD_FETCH = "<catch event='error.badfetch'><log>bad</log><exit/></catch>"


@pytest.mark.parametrize(
    "faulty",
    [
        "<form><block><goto/></block></form>",
        "<form><block><if cond='false'><throw event='a' eventexpr='b'/></if></block></form>",
        "<form><block><audio/></block></form>",
        "<menu><choice dtmf='1' next='#a' event='b'/></menu>",
        "<menu dtmf='true'><choice dtmf='7' event='x'/></menu>",
        "<link dtmf='1'/><form/>",
        "<form><field name='f'/><field name='f'/></form>",
        "<form><block name='b'/><filled namelist='b'/></form>",
        "<form><field name='f'><filled mode='any'/></field></form>",
        "<form><transfer dest='tel:1' type='blind' bridge='true'/></form>",
    ],
)
def test_a_faulty_document_is_a_bad_fetch_for_the_page_that_leads_to_it(faulty: str) -> None:
    inner = page("<catch><log>inside</log><exit/></catch>" + faulty)
    body = f"<form><block><goto next='inner.vxml'/></block></form>{BAD_FETCH}"
    assert logged(body, pages={"inner.vxml": inner}) == ["bad"]
    subdialog = f"<form><subdialog name='s' src='inner.vxml'/></form>{BAD_FETCH}"
    assert logged(subdialog, pages={"inner.vxml": inner}) == ["bad"]


@pytest.mark.parametrize(
    "faulty",
    [
        "<menu><choice dtmf='1' next='#a' event='b'/></menu>",
        "<menu dtmf='true'><choice dtmf='7' event='x'/></menu>",
        "<link dtmf='1'/><form><field name='f' type='digits'/></form>",
        "<form><field name='f'/><field name='f'/></form>",
        "<form><block name='b'/><filled namelist='b'/></form>",
        "<form><field name='f'><grammar src='builtin:dtmf/digits' scope='document'/></field></form>",
    ],
)
def test_a_faulty_first_document_takes_the_bad_fetch_itself(faulty: str) -> None:
    assert logged(BAD_FETCH + faulty) == ["bad"]


@pytest.mark.parametrize("place", ["<block><enumerate/></block>", "<field name='f' type='digits'><enumerate/></field>"])
def test_enumerate_without_choices_is_a_semantic_error(place: str) -> None:
    body = f"<form>{place}</form><catch event='error.semantic'><log>none</log><exit/></catch>"
    assert logged(body) == ["none"]


def test_enumerate_lists_the_choices_in_a_handler_too() -> None:
    body = """<form><field name="f"><option dtmf="1">tea</option><option dtmf="2">milk</option><prompt>Ask</prompt>
      <noinput><enumerate><value expr="_dtmf + ' is ' + _prompt"/>; </enumerate><exit/></noinput></field></form>"""
    assert talk(body, "n").prompts == ["Ask", "1 is tea; 2 is milk;"]
