"""ECMAScript as VoiceXML scopes it: declaration, shadowing, undeclared names, scripts."""

from __future__ import annotations

import pytest

from tests.support.voicexml import talk


def logged(block: str, before: str = "") -> list[str]:
    return talk(f"{before}<form><block>{block}</block></form>").of("log")


def problem(block: str) -> str:
    heard = talk(f"<form><block>{block}</block></form>")
    assert heard.ended is not None
    return heard.ended.detail


def test_inner_variables_shadow_outer_ones_and_scopes_have_names() -> None:
    heard = talk(
        """<var name="x" expr="'document'"/><form><var name="x" expr="'dialog'"/><block>
        <var name="x" expr="'anonymous'"/>
        <log><value expr="x"/> <value expr="dialog.x"/> <value expr="document.x"/></log></block></form>"""
    )
    assert heard.of("log") == ["anonymous dialog document"]


def test_a_variable_of_a_block_ends_with_it() -> None:
    heard = talk(
        '<form><block><var name="x" expr="1"/></block><block><log><value expr="typeof x"/></log></block></form>'
    )
    assert heard.of("log") == ["undefined"]


@pytest.mark.parametrize(
    "block",
    [
        '<value expr="undeclared"/>',
        '<assign name="undeclared" expr="1"/>',
        '<assign name="document.undeclared" expr="1"/>',
        '<script>undeclared = 1;</script>',
        '<var name="a.b" expr="1"/>',
        '<var name="x" expr="1 +"/>',
        '<if cond="nobody.there"/>',
        '<script>throw new Error("mine")</script>',
    ],
)  # fmt: skip
def test_what_ecmascript_refuses_is_error_semantic(block: str) -> None:
    assert problem(block).startswith("error.semantic")


def test_typeof_of_an_undeclared_name_is_allowed() -> None:
    assert logged('<log><value expr="typeof nobody"/></log>') == ["undefined"]


def test_script_functions_and_variables_live_in_their_scope_and_stay_connected() -> None:
    before = "<script><![CDATA[ var n = 1, list = [1, 2]; function up() { n += 1; return n } ]]></script>"
    block = '<assign name="n" expr="10"/><log><value expr="up()"/> <value expr="n"/> <value expr="list.length"/></log>'
    assert logged(block, before) == ["11 11 2"]


def test_a_script_sees_variables_declared_by_elements() -> None:
    assert logged('<var name="a" expr="2"/><script>var b = a * 21;</script><log><value expr="b"/></log>') == ["42"]


def test_eval_in_try_catch_probes_for_variables() -> None:
    block = """<script><![CDATA[ var found;
      try { found = eval('session.connection.ccxml.values.foo') || 'none' } catch (e) { found = 'error' } ]]></script>
      <log><value expr="found"/></log>"""
    assert logged(block) == ["none"]


def test_data_keeps_its_ecmascript_type() -> None:
    assert logged('<var name="d" expr="new Date(2026, 0, 2)"/><log><value expr="d.getFullYear()"/></log>') == ["2026"]


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "x", "source", "scopes", "evaluate"])
def test_a_name_that_nobody_declared_is_undefined_to_typeof_and_an_error_to_read(name: str) -> None:
    body = f"""<form><block><log><value expr="typeof {name}"/></log>
      <log><value expr="typeof {name} == 'undefined'"/></log>
      <script>var found = typeof {name}; try {{ {name} }} catch (e1) {{ found += e1.name }}</script>
      <log><value expr="found"/></log><value expr="{name}"/></block>
      <catch event="error.semantic"><log>unread</log><exit/></catch></form>"""
    assert talk(body).of("log") == ["undefined", "true", "undefinedReferenceError", "unread"]


def test_eval_sees_every_scope() -> None:
    body = """<var name="d" expr="1"/><form><var name="g" expr="2"/><block><var name="h" expr="3"/>
      <log><value expr="eval('d + g + h + session.connection.ccxml.values.a')"/></log></block></form>"""
    assert talk(body, values={"a": 4}).of("log") == ["10"]
