"""`<data>`: XML fetched in the middle of a dialog and read in ECMAScript."""

from __future__ import annotations

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
