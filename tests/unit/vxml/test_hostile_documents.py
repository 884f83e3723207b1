"""Whatever a document says, a session ends in good order: no exception, no endless turn, valid output."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support.voicexml import page, talk
from vxml import Limits
from vxml.messages import Play, SpeechItem
from vxml.text import keys

LIMITS = Limits(steps=300, depth=4, script_seconds=0.3, script_memory=8 << 20, fetches=10, queued_prompts=50)

EXPRESSIONS = st.sampled_from(
    [
        "a", "b", "a + 1", "undefined", "null", "'x'", "({a: 1})", "[1, 'two']", "nobody", "1 +", "a.b.c",
        "a$.utterance",
        "'\\ud800'", "String.fromCharCode(0, 7, 65534)", "application.lastresult$[0].utterance", "new Date(0)",
        "(function f() { return f() })()", "session", "application", "_event", "true", "a == 1", "typeof a", "10n",
        "Symbol('x')", "Object.freeze(dialog)",
        "Object.defineProperty(dialog, 'a', {get: function() { throw 1 }, configurable: true})",
        "(function(){ throw { toString: null } })()", "'#f2'", "''",
    ]
)  # fmt: skip
NAMES = st.sampled_from(["a", "b", "c", "a.b", "document.a", "", "1", "if"])
TARGETS = st.sampled_from(["#f1", "#f2", "#nowhere", "start.vxml", "missing.vxml", "", "http://[bad", "#m1"])
EVENTS = st.sampled_from(
    ["noinput", "nomatch", "error", "e.f", "e", "help", "exit", "cancel", "connection.disconnect.hangup"]
)


def _tag(name: str, *attributes: tuple[str, st.SearchStrategy[str]], inside: st.SearchStrategy[str] | None = None):
    given_attributes = [
        st.one_of(st.just(""), values.map(lambda value, key=key: f" {key}={_quoted(value)}"))
        for key, values in attributes
    ]
    return st.tuples(st.tuples(*given_attributes), st.just("") if inside is None else inside).map(
        lambda made: f"<{name}{''.join(made[0])}>{made[1]}</{name}>"
    )


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\\\\", "\\").replace("&", "&amp;").replace("<", "&lt;")


SIMPLE = st.one_of(
    st.just("some text "),
    _tag("value", ("expr", EXPRESSIONS)),
    _tag("var", ("name", NAMES), ("expr", EXPRESSIONS)),
    _tag("assign", ("name", NAMES), ("expr", EXPRESSIONS)),
    _tag("clear", ("namelist", NAMES)),
    _tag("goto", ("next", TARGETS), ("expr", EXPRESSIONS), ("nextitem", NAMES)),
    _tag("submit", ("next", TARGETS), ("namelist", NAMES), ("method", st.sampled_from(["get", "post", "put"]))),
    _tag("exit", ("expr", EXPRESSIONS), ("namelist", NAMES)),
    _tag("throw", ("event", EVENTS), ("messageexpr", EXPRESSIONS)),
    _tag("return", ("namelist", NAMES), ("event", EVENTS)),
    _tag("log", ("expr", EXPRESSIONS)),
    _tag("script", inside=EXPRESSIONS.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;"))),
    st.sampled_from(["<reprompt/>", "<rethrow/>", "<disconnect/>", "<enumerate/>", "<mystery/>"]),
    _tag("audio", ("src", TARGETS), ("expr", EXPRESSIONS)),
    _tag("prompt", ("timeout", st.sampled_from(["1s", "x"])), ("cond", EXPRESSIONS),
         inside=st.just("say <emphasis>this</emphasis>")),
)  # fmt: skip
CONTENT = st.recursive(
    st.lists(SIMPLE, max_size=3).map("".join),
    lambda inner: st.one_of(
        _tag("if", ("cond", EXPRESSIONS), inside=st.tuples(inner, inner).map("<else/>".join)),
        _tag("foreach", ("item", NAMES), ("array", EXPRESSIONS), inside=inner),
    ),
    max_leaves=4,
)
CATCH = _tag("catch", ("event", EVENTS), ("cond", EXPRESSIONS), ("count", st.sampled_from(["1", "2"])), inside=CONTENT)
PART = st.one_of(
    _tag("block", ("name", NAMES), ("cond", EXPRESSIONS), ("expr", EXPRESSIONS), inside=CONTENT),
    _tag(
        "field",
        ("name", NAMES),
        ("type", st.sampled_from(["digits", "boolean", "digits?length=2", "nonsense"])),
        ("modal", st.sampled_from(["true", "false"])),
        inside=st.one_of(CATCH, _tag("filled", inside=CONTENT), st.just("<prompt bargein='false'>Ask</prompt>")),
    ),
    _tag("subdialog", ("name", NAMES), ("src", TARGETS), inside=_tag("param", ("name", NAMES), ("expr", EXPRESSIONS))),
    _tag("initial", ("name", NAMES)),
    _tag("record", ("name", NAMES)),
    _tag("transfer", ("name", NAMES)),
    _tag("filled", ("mode", st.sampled_from(["all", "any"])), ("namelist", NAMES), inside=CONTENT),
    _tag("var", ("name", NAMES), ("expr", EXPRESSIONS)),
    _tag("link", ("dtmf", st.just("0")), ("event", EVENTS), ("next", TARGETS)),
    CATCH,
)
BODY = st.tuples(
    st.one_of(st.just(""), CATCH),
    st.lists(PART, min_size=1, max_size=4).map("".join),
    st.lists(PART, max_size=2).map("".join),
).map(lambda made: f'{made[0]}<form id="f1"><var name="a" expr="1"/>{made[1]}</form><form id="f2">{made[2]}</form>')


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODY, st.text("0123456789#*nh", max_size=8))
def test_a_session_over_any_document_ends_in_good_order(body: str, pressed: str) -> None:
    etree.fromstring(page(body))
    heard = talk(body, keys(pressed), limits=LIMITS)
    assert heard.ended is not None
    json.dumps(dict(heard.ended.values)).encode()
    for command in heard.commands:
        str(command).encode()
        for item in command.items if isinstance(command, Play) else ():
            if isinstance(item, SpeechItem) and item.ssml:
                etree.fromstring(item.text)
