"""Scripts that mean harm, by name: pages by file name, `start.vxml` first. Large bodies are made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

Pages = Mapping[str, "bytes | Callable[[], bytes]"]

_HEAD = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">'
_DOM = '<form><block><data name="d" src="data.xml"/><log expr="d.documentElement.tagName"/></block></form>'
#: The bench types 1 again and again where a field is called so.
_ASK = '<field name="typed"><grammar src="g.grxml" mode="dtmf"/><noinput><exit/></noinput></field>'


def _page(body: str) -> bytes:
    return f"{_HEAD}{body}</vxml>".encode()


def _script(source: str, before: str = "", after: str = "") -> Pages:
    body = f"{before}<form><block><script><![CDATA[{source}]]></script>{after}</block></form>"
    return {"start.vxml": _page(body)}


def _body(body: str) -> Pages:
    return {"start.vxml": _page(body)}


def _large(megabytes: int, piece: str = "<!-- x -->") -> Callable[[], bytes]:
    return lambda: _page(f"<form/>{piece * (megabytes * (1 << 20) // len(piece))}")


def _grammar(rules: str) -> Pages:
    head = (
        '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="dtmf" root="r0" '
        'tag-format="semantics/1.0">'
    )
    return {"start.vxml": _page(f"<form>{_ASK}</form>"), "g.grxml": f"{head}{rules}</grammar>".encode()}


_BOMB = b"""<?xml version="1.0"?><!DOCTYPE vxml [<!ENTITY a "aaaaaaaaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
]><vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>&e;&e;</block></form></vxml>"""
_EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE vxml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>&x;</block></form></vxml>"""
_SPOIL = """
for (const made of [Object, Array, String, RegExp, Map, Function, Promise])
  for (const name of Object.getOwnPropertyNames(made.prototype))
    try { made.prototype[name] = function () { while (1); } } catch (kept) {}
Object.prototype.toJSON = Object.prototype.toString = Object.prototype.get = function () { while (1); };
JSON.stringify = JSON.parse = Reflect.apply = Object.defineProperty = eval = Function = null;"""
_TRAPS = """
var trap = new Proxy({}, { ownKeys() { while (1); }, get() { while (1); }, has() { while (1); } });"""
_DOUBLING = "<rule id='r{}'><ruleref uri='#r{}'/><ruleref uri='#r{}'/></rule>"
_EXPANSION = "".join(_DOUBLING.format(n, n + 1, n + 1) for n in range(60)) + "<rule id='r60'><item>1</item></rule>"
_REPEATS = (
    "<rule id='r0'><item repeat='0-1000'><item repeat='0-1000'><item repeat='0-1000'>1</item></item></item></rule>"
)
_ATTRIBUTES = " ".join(f"a{number}=''" for number in range(300))
_LEFT = "<rule id='r0'><one-of><item><ruleref uri='#r0'/>1</item><item>1</item></one-of></rule>"

SCRIPTS: Final[Mapping[str, Pages]] = {
    "endless goto": _body('<form id="a"><block><goto next="#a"/></block></form>'),
    "endless goto by fetching": _body('<form><block><goto next="start.vxml"/></block></form>'),
    "endless submit": _body('<form><block><submit next="start.vxml"/></block></form>'),
    "endless clear": _body('<form><block name="b"><clear namelist="b"/></block></form>'),
    "endless reprompt": _body(
        '<form><property name="timeout" value="0s"/><field name="f" type="digits">'
        "<noinput><reprompt/></noinput></field></form>"
    ),
    "endless throw": _body(
        '<catch event="a"><throw event="b"/></catch><catch event="b"><throw event="a"/></catch>'
        '<form><block><throw event="a"/></block></form>'
    ),
    "endless recording": _body(
        '<form><record name="r" maxtime="1ms" beep="false"><property name="timeout" value="0s"/>'
        '<filled><clear namelist="r"/></filled><noinput><clear namelist="r"/></noinput></record></form>'
    ),
    "subdialog recursion": _body('<form id="a"><subdialog src="#a"/></form>'),
    "function recursion": _script("function f() { return f() + f() } for (;;) try { f() } catch (e) {}"),
    "document of 100 MB": {"start.vxml": _large(100)},
    "document of 3 MB of elements": {"start.vxml": _large(3, "<p/>")},
    "document of 3 MB of attributes": {
        "start.vxml": lambda: _page(f"<p {_ATTRIBUTES}/>" * 1200)
    },
    "document of 140,000 elements": {"start.vxml": lambda: _page("<p/>" * 140_000)},
    "document of 140,000 attributes": {"start.vxml": lambda: _page(f"<p {_ATTRIBUTES}/>" * 460)},
    "document of 10,000 levels": _body("<form><block>" + "<p>" * 10_000 + "</p>" * 10_000 + "</block></form>"),
    "document of 200 levels": _body("<form><block>" + '<if cond="1">' * 200 + "</if>" * 200 + "</block></form>"),
    "billion laughs": {"start.vxml": _BOMB},
    "external entity": {"start.vxml": _EXTERNAL},
    "while(1)": _script("while (1);"),
    "while(1) that catches": _script("for (;;) try { while (1); } catch (e) {} finally { while (1); }"),
    "sort of 1e8": _script("new Array(1e8).sort()"),
    "join of 1e8": _script("new Array(1e8).join('x')"),
    "indexOf of 4e9": _script("Array.prototype.indexOf.call({ length: 4e9 }, 1)"),
    "big power": _script("var n = 7n ** 3000000n; n = n * n; '' + n"),
    "regular expression": _script("/^(a|a|aa)+$/.exec('a'.repeat(60) + 'b')"),
    "string doubling": _script("var s = 'xxxxxxxx'; for (;;) s += s;"),
    "strings kept": _script("var k = []; for (var i = 0; ; i++) k.push(String(i).repeat(1000));"),
    "typed array": _script("var k = []; for (;;) k.push(new Uint8Array(1 << 20).fill(1));"),
    "deep JSON": _script(
        "var a = []; for (var i = 0; i < 1e6; i++) a = [a];", after='<log expr="a"/><submit next="x" namelist="a"/>'
    ),
    "deep value": _script(
        "var a = 1; for (var i = 0; i < 9000; i++) a = [a]; var t = { toString() { return JSON.stringify(a) } }",
        after='<log expr="t"/><exit namelist="a"/>',
    ),
    "wide value": _script(
        "var o = []; for (var i = 0; i < 22; i++) o = [o, o];", after='<submit next="x" namelist="o"/>'
    ),
    "getter traps": _script(_TRAPS, after='<exit namelist="trap"/>'),
    "toString traps": _script("var trap = { toString() { while (1); } };", after='<log expr="trap"/>'),
    "error traps": _script("throw { get message() { while (1); }, toString() { while (1); } }"),
    "scope traps": _script(
        "Object.defineProperty(dialog, 'x', { get() { while (1); }, set() { while (1); }, configurable: true });",
        after='<assign name="x" expr="1"/>',
    ),
    "spoilt builtins": _script(
        _SPOIL, after='<var name="v" expr="[1]"/><foreach item="i" array="v"><log expr="i"/></foreach><exit expr="v"/>'
    ),
    "huge log": _script("var s = 'x'.repeat(4e6);", after='<log expr="s"/>'),
    "large logs": _script("var s = 'x'.repeat(9e5);", after='<log expr="s"/>' * 400),
    "huge prompt": _script("var s = 'word '.repeat(4e5);", after='<prompt><value expr="s"/></prompt>'),
    "large prompts": _script("var s = 'word '.repeat(3800);", after='<prompt><value expr="s"/></prompt>' * 400),
    "a million vars": {"start.vxml": lambda: _page("<form>" + '<var name="x"/>' * 1_000_000 + "</form>")},
    "60,000 vars": {"start.vxml": lambda: _page("<form>" + '<var name="x"/>' * 60_000 + "</form>")},
    "200,000 vars": {"start.vxml": lambda: _page("<form>" + '<var name="x"/>' * 200_000 + "</form>")},
    "foreach over 1e7": _script(
        "var a = new Array(1e7); a[1e7 - 1] = 1;", after='<foreach item="i" array="a"><log expr="1"/></foreach>'
    ),
    "long namelist": _script(
        "Object.defineProperty(document, 'x', { get() { for (var i = 0; i < 1e5; i++); return 1 }, configurable: 1 });",
        after=f'<exit namelist="{"x " * 100_000}"/>',
    ),
    "data of 50 MB": {
        "start.vxml": _page(_DOM),
        "data.xml": lambda: b"<d>" + b"<e>text</e>" * (50 * (1 << 20) // 11) + b"</d>",
    },
    "data of 140,000 tags": {
        "start.vxml": _page(_DOM),
        "data.xml": lambda: b"<d>" + b"<e>t</e>" * 70_000 + b"</d>",
    },
    "data of 3 MB": {
        "start.vxml": _page(_DOM),
        "data.xml": lambda: b"<d>" + b"<e a='1'>t</e>" * (3 * (1 << 20) // 14) + b"</d>",
    },
    "grammar that doubles": _grammar(_EXPANSION),
    "grammar of repeats": _grammar(_REPEATS),
    "grammar that is left recursive": _grammar(_LEFT),
    "tag that never ends": _grammar("<rule id='r0'><item>1</item><tag>while (1);</tag></rule>"),
    "30,000 alternatives with tags": _grammar(
        "<rule id='r0'>" + "<one-of>" + "<item>1<tag>out=1</tag></item>" * 30_000 + "</one-of></rule>"
    ),
    "tags without number": _grammar(
        "<rule id='r0'>" + "<one-of>" + "<item>1<tag>out=1</tag></item>" * 40_000 + "</one-of></rule>"
    ),
}  # fmt: skip
