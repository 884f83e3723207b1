"""Reading XML that may be hostile, and refusing what cannot be run, with its line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.voicexml import page
from vxml.document import DocumentError, Node, parse_xml
from vxml.interpreter.compile import compile_document


def refusal(body: bytes | str) -> DocumentError:
    """Why the document was refused, as a whole or for a page that leads to it."""
    try:
        document = compile_document(body.encode() if isinstance(body, str) else body)
    except DocumentError as error:
        return error
    assert document.fault is not None
    return document.fault


def test_nodes_know_their_lines_and_attributes() -> None:
    root = parse_xml(b'<a xml:lang="de">\n <b x="1">text</b>tail</a>')
    (child,) = root.elements("b")
    assert (root.get("xml:lang"), child.line, child.get("x"), child.text()) == ("de", 2, "1", "text")
    assert root.children[-1] == "tail"


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "empty"),
        (b'<!DOCTYPE a [\n<!ENTITY x "y">]><a>&x;</a>', "entity declarations"),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd">%x;]><a/>', "entity declarations"),
        ('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"), "entity"),
        (b'<!DOCTYPE vxml SYSTEM "http://127.0.0.1/x.dtd"><vxml>&foo;</vxml>', "entity"),
        (b"<a>&nosuch;</a>", "nosuch"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding"),
        (b"<a>" * 10_000, "depth"),
        (b"<a>" + b" " * (5 << 20) + b"</a>", "bytes"),
        (b"\xff\xfe\x00", ""),
        (b"<a>\x00</a>", ""),
    ],
)
def test_hostile_xml_is_refused(body: bytes, part: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_xml(body)
    assert part in str(caught.value)


def test_a_plain_doctype_is_allowed_and_never_fetched() -> None:
    assert (
        parse_xml(b'<!DOCTYPE vxml PUBLIC "-//W3C//DTD VOICEXML 2.1//EN" "http://127.0.0.1:1/vxml.dtd"><vxml/>').tag
        == "vxml"
    )


def test_xinclude_is_left_alone() -> None:
    root = parse_xml(b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>')
    assert [child.tag for child in root.elements()] == ["include"]


@pytest.mark.parametrize(
    ("body", "line", "part"),
    [
        ("<html/>", 1, "expected <vxml"),
        ('<vxml version="3.0"/>', 1, 'version="3.0"'),
        (page('<form id="a"/>\n<form id="a"/>'), 3, "two dialogs"),
        (page('<form><field name="x"/>\n<var name="v"/><field name="x"/></form>'), 3, "two items"),
        (page('<form><field name="a.b"/></form>'), 2, "a.b"),
        (page('<menu><choice dtmf="1"/></menu>'), 2, "exactly one"),
        (page("<form><catch count='0'/></form>"), 2, "count"),
        (page('<form><field name="a"><grammar src="a" srcexpr="b"/></field></form>'), 2, "exactly one"),
        (page('<form><field name="a"><filled mode="any"/></field></form>'), 2, "neither mode"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_line(body: str, line: int, part: str) -> None:
    error = refusal(body)
    assert error.line == line
    assert part in str(error)


def test_the_same_bytes_are_compiled_once() -> None:
    body = page("<form/>").encode()
    assert compile_document(body) is compile_document(bytes(bytearray(body)))


_TAGS = [
    "form", "menu", "field", "block", "prompt", "audio", "value", "if", "else", "elseif", "var", "assign", "goto",
    "submit", "exit", "catch", "noinput", "filled", "grammar", "rule", "item", "one-of", "tag", "ruleref",
    "option", "choice", "link", "record", "subdialog", "param", "property", "script", "foreach", "log", "throw",
    "initial",
]  # fmt: skip
_ATTRIBUTES = [
    "name", "expr", "cond", "src", "next", "event", "count", "id", "dtmf", "mode", "root", "type", "repeat",
    "uri", "namelist", "timeout", "value",
]  # fmt: skip
_nodes = st.recursive(
    st.text("ab<&1 #", max_size=4).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.tuples(
        st.sampled_from(_TAGS),
        st.dictionaries(
            st.sampled_from(_ATTRIBUTES), st.sampled_from(["a", "1", "#a", "", "x.y", "3s", "any"]), max_size=3
        ),
        st.lists(inner, max_size=4),
    ).map(lambda made: _element(*made)),
    max_leaves=15,
)


def _element(tag: str, attributes: dict[str, str], children: list[str]) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{given}>{''.join(children)}</{tag}>"


@settings(max_examples=100, deadline=None)
@given(st.lists(_nodes, max_size=4))
def test_any_document_of_known_elements_compiles_or_is_refused(children: list[str]) -> None:
    with contextlib.suppress(DocumentError):
        assert compile_document(page("".join(children)).encode()).version == "2.1"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_xml_or_refused(body: bytes) -> None:
    with contextlib.suppress(DocumentError):
        assert isinstance(parse_xml(body), Node)
