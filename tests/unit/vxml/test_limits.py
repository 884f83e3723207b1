"""Hostile and broken scripts end their own session, with a reason, and soon."""

from __future__ import annotations

import pytest

from tests.support.voicexml import talk
from vxml import Limits
from vxml.messages import EndReason

QUICK = Limits(steps=2000, script_seconds=0.2, script_memory=16 << 20)


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
    assert "time for one turn" in ending(body, Limits(script_seconds=0.2))


def test_scripts_that_recurse_without_end_are_an_error() -> None:
    assert "error.semantic" in ending("<form><block><script>function f() { return f() } f()</script></block></form>")
