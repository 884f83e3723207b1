"""What a sandbox does in one turn: checks, drawings, test runs (here without the processes around them)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.sandbox import jobs, wire
from app.sandbox.drawing import MOST, draw
from vxml.graph import Edge, Graph, Vertex, read_graph

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "collections"
TESTS = """
script: main.vxml
tests:
  - name: hears the greeting
    steps: [{expect: Hello}]
  - name: hears something else
    steps: [{expect: Farewell}]
"""
MAIN = b'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form><block>Hello</block></form></vxml>'


def request(files: dict[str, bytes], **more: Any) -> dict[str, Any]:
    return {"files": wire.pack(files), "entry": "main.vxml", **more}


def test_checks_as_the_command_line_does_and_the_tests_files_besides() -> None:
    lost = MAIN.replace(b"Hello", b"<goto next='gone.vxml'/>")
    found = jobs.check(request({"main.vxml": lost, "a.vxmltest.yaml": b"script: [", "b.wav": b""}))["problems"]
    assert [(one["file"], one["severity"]) for one in found] == [("main.vxml", "error"), ("a.vxmltest.yaml", "warning")]


def test_a_test_file_for_a_missing_script_is_warned_of() -> None:
    found = jobs.check(request({"main.vxml": MAIN, "a.vxmltest.yaml": TESTS.replace("main", "gone").encode()}))
    assert "gone.vxml: there is no such file" in found["problems"][0]["message"]


def test_runs_unit_tests_with_a_transcript_of_those_that_fail_and_coverage() -> None:
    done = jobs.test(request({"main.vxml": MAIN, "a.vxmltest.yaml": TESTS.encode(), "never.vxml": MAIN}))
    passed, failed = done["results"]
    assert (passed["problems"], passed["transcript"]) == ([], [])
    assert failed["problems"] == ['expected "Farewell", heard "Hello"']
    assert ["prompt", "Hello"] in failed["transcript"]
    assert done["coverage"] == {"main.vxml": [["item", 1, 1, True]], "never.vxml": [["item", 1, 1, False]]}


def test_a_test_file_that_cannot_be_read_fails_by_itself() -> None:
    done = jobs.test(request({"main.vxml": MAIN, "a.vxmltest.yaml": b"tests: 3", "b.vxmltest.yaml": TESTS.encode()}))
    assert done["results"][0]["name"] == "the file itself"
    assert len(done["results"]) == 3


def test_without_tests_there_is_no_coverage() -> None:
    assert jobs.test(request({"main.vxml": MAIN})) == {"results": [], "coverage": {}}


def example() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (EXAMPLE / "voicexml").iterdir()}


def test_draws_the_example_from_its_start_on_the_left_without_overlaps() -> None:
    drawing = jobs.draw(
        request(example()) | {"entry": "start.vxml", "coverage": {"start.vxml": [["item", 5, 4, True]]}}
    )["drawing"]
    boxes = drawing["boxes"]
    start = next(box for box in boxes if box["start"])
    assert start["x"] == min(box["x"] for box in boxes)
    assert start["covered"] == 1.0
    assert len({(box["x"], box["y"]) for box in boxes}) == len(boxes)
    width, height = drawing["box"]
    assert all(
        0 <= box["x"] <= drawing["width"] - width and 0 <= box["y"] <= drawing["height"] - height for box in boxes
    )
    assert {line["label"] for line in drawing["lines"]} >= {"choice == 'pay'", "else", "person"}
    assert [line["kind"] for line in drawing["lines"]].count("back") == 1


def test_draws_a_circle_of_twenty_pages() -> None:
    pages = {
        f"p{number}.vxml": MAIN.replace(b"Hello", f"<goto next='p{(number + 1) % 20}.vxml'/>".encode())
        for number in range(20)
    }
    drawing = draw(read_graph(pages, "p0.vxml"), {})
    assert sum(line["kind"] == "back" for line in drawing["lines"]) == 1
    assert len({box["x"] for box in drawing["boxes"]}) == 20


def test_says_that_a_graph_is_too_large_and_draws_none() -> None:
    vertices = tuple(Vertex((f"{number}.vxml", ""), "form", str(number)) for number in range(MOST + 1))
    edge = Edge(vertices[0].key, vertices[1].key, "goto", "", "0.vxml", 1)
    assert draw(Graph(vertices, (edge,)), {})["too_large"] == MOST + 1
    assert draw(Graph((), ()), {})["boxes"] == []
