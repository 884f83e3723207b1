"""Hostile and broken scripts end their own session, with a reason, and soon."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.voicexml import exit_values, talk
from vxml import Limits
from vxml.document import DocumentError, parse_xml
from vxml.messages import EndReason, Recorded

QUICK = Limits(steps=2000, script_seconds=0.05, script_memory=16 << 20)


def ending(body: str, limits: Limits = QUICK) -> str:
    heard = talk(body, limits=limits)
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.ERROR
    return heard.ended.detail


def test_endless_goto() -> None:
    assert "endless loop" in ending('<form id="a"><block><goto next="#a"/></block></form>')


def test_endless_goto_by_fetching() -> None:
    assert "fetches" in ending('<form><block><goto next="start.vxml"/></block></form>')


def test_endless_clear() -> None:
    assert "endless loop" in ending('<form><block name="b"><clear namelist="b"/></block></form>')


def test_endless_throw() -> None:
    body = '<catch event="a"><throw event="b"/></catch><catch event="b"><throw event="a"/></catch>'
    assert "without an end" in ending(body + '<form><block><throw event="a"/></block></form>')


def test_endless_subdialog_recursion() -> None:
    assert "recursion" in ending('<form id="a"><subdialog src="#a"/></form>')


def test_endless_prompts() -> None:
    body = '<form><block name="b"><prompt>x</prompt><clear namelist="b"/></block></form>'
    assert "endless loop" in ending(body, Limits(steps=1_000_000, queued_prompts=100))


@pytest.mark.parametrize(
    "script",
    [
        "while (true) {}",
        "var a = []; while (true) a.push(new Array(1000).fill(1));",
        "try { while (true) {} } catch (e) {} ",
        "/(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab');",
        "var s = 'x'; while (true) s += s;",
    ],
)
def test_scripts_that_never_end_or_eat_memory(script: str) -> None:
    detail = ending(f"<form><block><script><![CDATA[{script}]]></script></block></form>")
    assert "limits" in detail or "time" in detail or "error.semantic" in detail


def test_many_slow_scripts_in_one_turn_are_too_many() -> None:
    body = """<script>function slow() { var n = 0; while (n &lt; 200000) n++; return n }</script>
      <form><block name="b"><script>slow()</script><clear namelist="b"/></block></form>"""
    assert "processor time" in ending(body, Limits(turn_seconds=0.2))


def test_scripts_that_recurse_without_end_are_an_error() -> None:
    assert "error.semantic" in ending("<form><block><script>function f() { return f() } f()</script></block></form>")


def handed_out(script: str, names: str) -> tuple[dict[str, Any], str]:
    heard = talk(f'<form><block><script><![CDATA[{script}]]></script><exit namelist="{names}"/></block></form>')
    return exit_values(heard), str(heard)


def test_exit_values_are_cut_at_32_levels() -> None:
    nest = "function nest(n) { var v = 'x'; for (var i = 0; i < n; i++) v = [v]; return v; }"
    values, trace = handed_out(nest + "var fits = nest(32); var deep = {a: 1, b: nest(400)};", "fits deep")
    assert json.dumps(values["fits"]) == "[" * 32 + '"x"' + "]" * 32
    assert json.dumps(values["deep"]) == '{"a": 1, "b": ' + "[" * 31 + '"(too large)"' + "]" * 31 + "}"
    assert "exit values (too large): deep" in trace


def test_exit_values_share_64_kib() -> None:
    values, trace = handed_out(
        "var a = 'x'.repeat(40000); var b = 'é'.repeat(20000); var c = 'z'.repeat(20000);", "a b c"
    )
    assert (len(values["a"]), values["b"], len(values["c"])) == (40000, "(too large)", 20000)
    assert "exit values (too large): b" in trace


def test_exit_values_hold_no_integer_beyond_64_bits() -> None:
    values, _ = handed_out("var huge = 1e20; var exact = 9007199254740992;", "huge exact")
    assert (type(values["huge"]), values["huge"], values["exact"]) == (float, 1e20, 2**53)


@pytest.mark.parametrize(
    "spoil",
    [
        "for (const n of Object.getOwnPropertyNames(Array.prototype)) try { Array.prototype[n] = null } catch (e) {}",
        "Array.prototype[Symbol.iterator] = () => { throw 1 }; String.prototype.split = null;",
        "RegExp.prototype.exec = Map.prototype.get = Set.prototype.has = () => { throw 1 };",
        "Function.prototype.call = Function.prototype.apply = () => { throw 1 };",
        "JSON.stringify = JSON.parse = Object.defineProperty = Object.hasOwn = Reflect.apply = () => { throw 1 };",
        "Object.prototype.get = Object.prototype.set = Object.prototype.value = () => { throw 1 };",
        "globalThis.String = globalThis.Function = globalThis.Object = globalThis.Array = null;",
        "globalThis.eval = globalThis.JSON = globalThis.Reflect = globalThis.TypeError = undefined;",
    ],
)
def test_a_script_that_spoils_builtins_does_not_reach_the_interpreter(spoil: str) -> None:
    body = f"""<form><var name="list" expr="[1, 2]"/><block><script><![CDATA[{spoil}]]></script>
      <var name="a" expr="1 + 1"/><assign name="a" expr="a * 21"/>
      <script>var b = 'b'; function c() {{ return a }}</script>
      <foreach item="one" array="list"><log><value expr="one"/></log></foreach>
      <if cond="c() == 42"><exit namelist="a b"/></if></block></form>"""
    heard = talk(body)
    assert exit_values(heard) == {"a": 42, "b": "b"}, str(heard)
    assert heard.of("log") == ["1", "2"]


def test_values_that_are_too_long_to_be_kept_do_not_leave_the_script() -> None:
    assert "too long" in ending("<form><block><log expr=\"'x'.repeat(2000000)\"/></block></form>")


def test_what_scripts_hand_out_in_one_turn_is_limited() -> None:
    assert "handed out" in ending("<form><block>" + "<log expr=\"'x'.repeat(1000000)\"/>" * 9 + "</block></form>")


def test_speech_that_would_take_longer_than_anybody_listens_is_not_queued() -> None:
    assert "to be spoken" in ending("<form><block><value expr=\"'word '.repeat(5000)\"/></block></form>")


def test_recordings_that_are_over_at_once_count_as_nothing_the_caller_did() -> None:
    body = '<form><record name="r"><filled><clear namelist="r"/></filled></record></form>'
    heard = talk(body, [Recorded(0, b"RIFF", 20, "maxtime")] * 300, limits=Limits(steps=200))
    assert heard.ended is not None
    assert "endless loop" in heard.ended.detail


def test_a_document_of_too_many_tags_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentError, match="tags and attributes"):
        parse_xml(b"<a>" + b"<b/>" * 150_000 + b"</a>")
