"""Checking scripts before they are published: every fault with file, line, column and the mend."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.voicexml import page
from vxml import Severity, check

GOOD = page(
    """<var name="total" expr="0"/>
<script>function double(x) { return x * 2 }</script>
<form id="main">
 <field name="pin" type="digits?length=4"><prompt>Pin <break time="200ms"/>, please</prompt>
  <noinput count="2"><goto next="#bye"/></noinput></field>
 <subdialog name="s" src="#sub"><param name="p" expr="pin"/><filled><assign name="total" expr="double(s.n)"/></filled>
 </subdialog>
 <block><submit next="save.vxml" method="post" namelist="pin total s.n"/></block>
</form>
<form id="sub"><var name="p"/><block><var name="n" expr="p.length"/><return namelist="n"/></block></form>
<form id="bye"><block><exit namelist="total"/></block></form>"""
)


def messages(body: str, name: str = "a.vxml") -> list[str]:
    return [str(problem) for problem in check(name, body.encode())]


def test_a_good_script_has_no_problems() -> None:
    assert messages(GOOD) == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<form>\n <block>\n  <prompt timout='3s'>x</prompt></block></form>", "<prompt> has no attribute timout"),
        ("<form>\n <nope/></form>", "3:2: error: <nope> is not allowed here"),
        ("<form><block><assign name='x'/></block></form>", "error: <assign> needs the attribute expr"),
        ("<form>words</form>", "2:1: error: <form> must not have text directly in it"),
        ("<form><field modal='yes'/></form>", '<field> modal="yes": write true, false'),
        ("<form><record maxtime='3'/></form>", '<record> maxtime="3" is not allowed: write a time such as 3s or 500ms'),
        ("<form><block>\n<goto next='#there'/></block></form>", '3:1: error: <goto> leads to "#there", but'),
        ("<form><block><goto nextitem='x'/></block></form>", '<goto> nextitem="x": the form has no such item'),
        ("<form><filled namelist='x'/></form>", '<filled> namelist: "x" is no input item'),
        ("<form><block><exit namelist='x'/></block></form>", '<exit> names the variable "x", which'),
        ("<form><block><goto next='a' expr='b'/></block></form>", "<goto> needs exactly one of next, expr"),
        ("<form><block><throw/></block></form>", "<throw> needs exactly one of event, eventexpr: it has none"),
        ("<form><block><if cond='x =='/></block></form>", "SyntaxError: the expression is incomplete"),
        ("<script>function (</script>", "<script>: SyntaxError"),
        ("<form><field type='digits?length=x'/></form>", "length=x must be a number"),
        ("<form><field type='nonsense'/></form>", 'there is no builtin grammar "nonsense"'),
        ("<form><link event='e'><grammar mode='dtmf'><rule id='r'>x</rule></grammar></link></form>", "telephone key"),
    ],
)  # fmt: skip
def test_each_fault_is_found_where_it_is(body: str, expected: str) -> None:
    found = messages(page(body))
    assert any(expected in message for message in found), found


def test_faults_of_parsing_have_their_column() -> None:
    (problem,) = check("menu.vxml", b"<vxml>\n<form></vxml>")
    assert str(problem).startswith("menu.vxml:2:14: error: Opening and ending tag mismatch")


def test_a_grammar_in_its_own_namespace_is_only_a_warning() -> None:
    (problem,) = check(
        "a.vxml",
        page(
            """<form><field><grammar xmlns="http://www.w3.org/2001/06/grammar" mode="dtmf"><rule id="r">1</rule>
            </grammar></field></form>"""
        ).encode(),
    )
    assert problem.severity is Severity.WARNING


def test_variables_of_a_root_document_are_not_guessed_at() -> None:
    body = "<form><block><exit namelist='elsewhere'/></block></form>"
    assert messages(page(body, 'application="root.vxml"')) == []


def test_grammars_and_scripts_are_checked_by_their_ending() -> None:
    assert messages("<grammar/>", "g.grxml") == [
        'g.grxml:1:1: error: <grammar> needs xmlns="http://www.w3.org/2001/06/grammar"'
    ]
    assert "SyntaxError" in messages("function (", "lib.js")[0]
    assert check("beep.wav", b"RIFF") == []


def test_deeply_nested_documents_are_checked_or_refused() -> None:
    def grammar(depth: int) -> str:
        nested = "<item>" * depth + "1" + "</item>" * depth
        return f'<form><field><grammar mode="dtmf" root="r"><rule id="r">{nested}</rule></grammar></field></form>'

    assert messages(page(grammar(100))) == []
    assert "more than 100 elements within each other" in messages(page(grammar(240)))[0]
    assert messages(page("<form><block>" + "<if cond='1'>" * 240 + "x" + "</if>" * 240 + "</block></form>")) == []


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.vxml", "a.grxml", "a.js", "a"]))
def test_any_bytes_can_be_checked(body: bytes, name: str) -> None:
    for problem in check(name, body):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
