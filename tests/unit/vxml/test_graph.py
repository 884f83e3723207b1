"""The graph of a script: dialogs, what leads where, and what nothing leads to."""

from __future__ import annotations

from vxml.graph import Graph, read_graph
from vxml.inspection import variables
from vxml.messages import KeyPressed
from vxml.schema.outline import outline
from vxml.session import Session, SessionConfig
from vxml.text import from_mapping, run_text

HEAD = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"'


def page(body: str, attributes: str = "") -> bytes:
    return f"{HEAD} {attributes}>{body}</vxml>".encode()


def drawn(graph: Graph) -> set[tuple[str, str, str, str]]:
    return {(edge.source[1], edge.target[1] or edge.target[0], edge.kind, edge.label) for edge in graph.edges}


def test_says_what_the_caller_does_for_each_jump() -> None:
    files = {
        "main.vxml": page(
            '<menu id="top"><choice dtmf="1" next="#pay">pay</choice><choice dtmf="2" next="end.vxml">leave</choice>'
            '<noinput count="2"><goto next="#top"/></noinput></menu>'
            '<form id="pay"><field name="sum"><filled><if cond="sum &gt; 5"><goto next="#top"/><else/>'
            '<submit next="http://bank.example/pay"/></if></filled></field></form>'
        ),
        "end.vxml": page('<form id="bye"><block><exit/></block></form>'),
    }
    graph = read_graph(files, "main.vxml")
    assert drawn(graph) == {
        ("top", "pay", "choice", "1 pay"),
        ("top", "bye", "choice", "2 leave"),
        ("top", "top", "goto", "noinput"),
        ("pay", "top", "goto", "sum > 5"),
        ("pay", "http://bank.example/pay", "submit", "else"),
    }
    assert {vertex.title: vertex.ends for vertex in graph.vertices}["bye"] == ("exit",)
    assert all(vertex.reached for vertex in graph.vertices)


def test_marks_what_nothing_leads_to() -> None:
    files = {"main.vxml": page('<form id="a"/><form id="b"/><form id="c"><link next="#b"><grammar/></link></form>')}
    reached = {vertex.title: vertex.reached for vertex in read_graph(files, "main.vxml").vertices}
    assert reached == {"a": True, "b": False, "c": False}


def test_links_of_a_root_document_lead_from_all_its_pages() -> None:
    files = {
        "main.vxml": page('<form id="a"/>', 'application="root.vxml"'),
        "root.vxml": page('<link next="help.vxml" dtmf="0"/>'),
        "help.vxml": page('<form id="help"/>'),
    }
    graph = read_graph(files, "main.vxml")
    assert ("", "help", "link", "0") in drawn(graph)
    assert all(vertex.reached for vertex in graph.vertices)


def test_addresses_inside_an_expression_are_drawn_as_possible() -> None:
    files = {"main.vxml": page("<form id='a'><block><goto expr=\"x ? '#b' : '#c'\"/></block></form><form id='b'/>")}
    graph = read_graph(files, "main.vxml")
    assert [(edge.target[1], edge.maybe) for edge in graph.edges] == [("b", True)]


def test_where_a_jump_is_computed_nothing_is_called_unreachable() -> None:
    files = {"main.vxml": page('<form id="a"><block><goto expr="where()"/></block></form><form id="b"/>')}
    assert all(vertex.reached for vertex in read_graph(files, "main.vxml").vertices)


def test_a_missing_dialog_is_said_to_be_missing() -> None:
    files = {"main.vxml": page('<form id="a"><block><goto next="gone.vxml"/></block></form>'), "bad.vxml": b"<vxml"}
    assert "gone.vxml (missing)" in {vertex.title for vertex in read_graph(files, "main.vxml").vertices}


# --- the other eyes of the designer's tools


def test_the_schema_says_what_an_editor_may_complete() -> None:
    elements = {element.name: element for element in outline()}
    assert outline()[0].name == "vxml"
    assert {"field", "block", "filled"} <= set(elements["form"].children)
    assert elements["prompt"].attributes["bargein"] == ("true", "false")
    assert elements["noinput"].attributes.keys() == {"cond", "count"}


def test_variables_of_a_waiting_session_are_shown_and_private_ones_masked() -> None:
    script = page(
        "<var name='sum' expr='12.5'/><script>function f() {}</script>"
        "<form><property name='clarion.private' value='true'/>"
        "<field name='card' type='digits?length=3'/><field name='other' type='digits?length=1'/></form>"
    )
    sessions: list[Session] = []
    seen = []

    def ask() -> list[KeyPressed]:
        seen.append(variables(sessions[0]))
        return [KeyPressed(key) for key in "123"]

    address = "http://script.invalid/"
    run_text(SessionConfig(address), from_mapping({address: script}), ask=ask, attach=sessions.append)
    assert seen[0] == {"dialog": {"card": "undefined", "other": "undefined"}, "document": seen[0]["document"]}
    assert seen[0]["document"]["sum"] == "12.5"
    assert "f" not in seen[0]["document"]
    assert seen[1]["dialog"]["card"] == "•"
    assert variables(Session(SessionConfig(address))) == {}
