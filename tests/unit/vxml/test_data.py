"""`<data>`: XML fetched in the middle of a dialog and read in ECMAScript."""

from __future__ import annotations

import pytest

from tests.support.voicexml import BASE, talk

QUOTES = (
    '<?xml version="1.0"?><quotes at="noon"><quote id="a">10<!-- x --></quote>'
    '<quote id="b"><low>7</low></quote></quotes>'
)


def logged(expression: str) -> str:
    heard = talk(
        f"""<form><block><data name="d" src="quotes.xml"/><log><value expr="{expression}"/></log></block></form>""",
        pages={"quotes.xml": QUOTES},
    )
    assert heard.ended is not None
    return heard.ended.detail or heard.of("log")[0]


def test_the_document_can_be_walked() -> None:
    assert logged("d.documentElement.tagName") == "quotes"
    assert logged("d.documentElement.getAttribute('at')") == "noon"
    assert logged("d.getElementsByTagName('quote').length") == "2"
    assert logged("d.getElementsByTagName('quote').item(0).firstChild.data") == "10"
    assert logged("d.getElementsByTagName('low').item(0).parentNode.attributes.getNamedItem('id').value") == "b"
    assert logged("d.documentElement.firstChild.nextSibling.textContent") == "7"
    assert logged("d.documentElement.lastChild.previousSibling.nodeName") == "quote"


def test_it_is_read_only_and_its_faults_are_semantic_errors() -> None:
    assert logged("d.documentElement.appendChild(d)").startswith("error.semantic")
    assert logged("d.documentElement.nothing.there").startswith("error.semantic")


def test_the_namelist_is_sent_and_bad_xml_is_a_bad_fetch() -> None:
    heard = talk(
        """<form><var name="q" expr="5"/><block><data src="in.xml" namelist="q"/><data name="x" src="bad.xml"/></block>
        <catch event="error.badfetch"><log>bad</log><exit/></catch></form>""",
        pages={"in.xml": "<ok/>", "bad.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"},
    )
    assert heard.fetches[1].url == BASE + "in.xml?q=5"
    assert heard.of("log") == ["bad"]


FEED = (
    '<?xml version="1.0"?><?style sheet?><!-- top --><a:feed xmlns:a="urn:a" xmlns="urn:b" a:of="x" xml:id="top">'
    '<entry a:n="1">one<![CDATA[ & ]]>two</entry><a:entry/></a:feed>'
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (
            "d.documentElement.tagName + ' ' + d.documentElement.prefix + ' ' + d.documentElement.localName",
            "a:feed a feed",
        ),
        ("d.documentElement.getAttributeNS('urn:a', 'of') + d.documentElement.getAttribute('a:of')", "xx"),
        ("d.getElementsByTagNameNS('urn:b', 'entry').length", "1"),
        ("d.getElementsByTagNameNS('*', 'entry').length", "2"),
        ("d.getElementsByTagName('entry').item(0).textContent", "one & two"),
        ("d.getElementsByTagName('entry').item(0).attributes.getNamedItemNS('urn:a', 'n').value", "1"),
        ("d.firstChild.nodeType + d.firstChild.target + ' ' + d.firstChild.data", "7style sheet"),
        ("d.childNodes.item(1).nodeType == d.COMMENT_NODE", "true"),
        ("d.getElementById('top').localName", "feed"),
        ("d.getElementsByTagName('none').item(0) === null", "true"),
        ("d.documentElement.hasAttributeNS('urn:a', 'off')", "false"),
        ("d.documentElement.ownerDocument === d", "true"),
    ],
)
def test_namespaces_comments_and_instructions_are_there(expression: str, value: str) -> None:
    body = f"""<form><block><data name="d" src="feed.xml"/><log><value expr="{expression}"/></log></block></form>"""
    heard = talk(body, pages={"feed.xml": FEED})
    assert heard.of("log") == [value], heard.ended


def test_data_of_a_name_that_the_scope_has_takes_its_place_and_leaves_outer_ones_alone() -> None:
    body = """<var name="d" expr="'outer'"/><form><block><var name="d" expr="'inner'"/><data name="d" src="q.xml"/>
      <log><value expr="d.documentElement.tagName + document.d"/></log></block></form>"""
    assert talk(body, pages={"q.xml": "<q/>"}).of("log") == ["qouter"]


def test_data_can_stand_in_a_document_and_in_a_form() -> None:
    body = """<data name="one" src="q.xml"/><form><data name="two" src="q.xml"/>
      <block><log><value expr="document.one.documentElement.tagName + dialog.two.documentElement.tagName"/></log>
      </block></form>"""
    assert talk(body, pages={"q.xml": "<q/>"}).of("log") == ["qq"]


def test_what_data_without_a_name_brings_need_not_be_xml() -> None:
    body = """<form><block><data src="q.txt"/><log>went on</log></block></form>"""
    assert talk(body, pages={"q.txt": "no xml"}).of("log") == ["went on"]


@pytest.mark.parametrize(
    ("instruction", "allowed"),
    [
        ("", True),
        ('<?access-control allow="*"?>', True),
        ('<?access-control allow="*.example"?>', True),
        ('<?access-control allow="other.example App.Example"?>', True),
        ('<?access-control allow="other.example"?>', False),
        ('<?access-control allow="*" deny="app.example"?>', False),
        ("<?access-control allow='*.example' deny='*.app.example'?>", False),
        ('<?access-control deny="x.example"?>', False),
        ('<?access-control allow="x.example"?><?access-control allow="app.example"?>', True),
    ],
)
def test_data_says_which_hosts_may_read_it(instruction: str, allowed: bool) -> None:
    body = """<form><block><data name="d" src="http://data.example/d.xml"/><log>read</log></block></form>
      <catch event="error.noauthorization"><log>refused</log><exit/></catch>"""
    heard = talk(body, pages={"http://data.example/d.xml": f'<?xml version="1.0"?>{instruction}<d/>'})
    assert heard.of("log") == ["read" if allowed else "refused"]


def test_its_own_host_may_always_read_it() -> None:
    body = """<form><block><data name="d" src="d.xml"/><log>read</log></block></form>"""
    assert talk(body, pages={"d.xml": '<?access-control allow="x.example"?><d/>'}).of("log") == ["read"]
