"""What goes out with a submit (VoiceXML 2.0 section 5.3.8)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from tests.support.voicexml import page, talk


def sent(content: str, script: str = "") -> dict[str, str]:
    heard = talk(f"<form>{content}</form>", script, pages={"to": page("<form><block/></form>")})
    return dict(parse_qsl(urlsplit(heard.fetches[-1].url).query, keep_blank_values=True))


def test_values_are_converted_as_ecmascript_converts_them() -> None:
    made = """<block><script>var a = 1e21, b = NaN, c = null, d = true, e = 'x y', f = '', g = 0.1 + 0.2, h;</script>
      <submit next="to" namelist="a b c d e f g h"/></block>"""
    assert sent(made) == {
        "a": "1e+21", "b": "NaN", "c": "null", "d": "true", "e": "x y", "f": "", "g": "0.30000000000000004",
    }  # fmt: skip


def test_objects_and_arrays_go_member_by_member() -> None:
    made = """<block><script>var o = {name: 'Ann', tags: ['x', 'y']}, when = new Date(NaN);</script>
      <submit next="to" namelist="o when o.name"/></block>"""
    assert sent(made) == {"o.name": "Ann", "o.tags.0": "x", "o.tags.1": "y", "when": "Invalid Date"}


def test_without_a_namelist_the_named_input_items_go() -> None:
    made = """<var name="v" expr="1"/><block name="b"/><field name="f" type="digits?length=1"/>
      <field name="skipped" type="digits" cond="false"/>
      <field type="digits?length=1"/><block><submit next="to"/></block>"""
    assert sent(made, "12") == {"f": "1"}


def test_an_object_that_holds_itself_is_a_semantic_error() -> None:
    heard = talk(
        """<form><block><script>var o = {}; o.o = o;</script><submit next="to" namelist="o"/></block>
        <catch event="error.semantic"><log>endless</log><exit/></catch></form>"""
    )
    assert heard.of("log") == ["endless"]


def test_an_undeclared_name_is_a_semantic_error() -> None:
    heard = talk(
        """<form><block><submit next="to" namelist="nowhere"/></block>
        <catch event="error.semantic"><log>undeclared</log><exit/></catch></form>"""
    )
    assert heard.of("log") == ["undeclared"]
