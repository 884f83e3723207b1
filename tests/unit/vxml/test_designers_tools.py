"""Checking whole applications, unit tests of scripts, and the commands around them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from app.cli import main
from common.errors import ConfigError
from tests.support.voicexml import START, page
from vxml.check_project import check_project
from vxml.messages import Fetched
from vxml.scripted import read_tests, run_test
from vxml.text import from_mapping

FIELD = (
    '<form id="f"><field name="n" type="digits?length=2"><prompt>How many?</prompt><filled>{}</filled></field></form>'
)


def project(**files: str) -> list[str]:
    named = {name.replace("_", "."): body.encode() for name, body in files.items()}
    return [str(problem) for problem in check_project(named)]


def test_a_whole_application_without_faults() -> None:
    root = page('<var name="shared" expr="1"/><script src="lib.js"/>')
    start = page(
        '<form><block><if cond="twice(shared) == 2"><goto next="next.vxml#there"/></if></block></form>',
        'application="root.vxml"',
    )
    found = project(
        root_vxml=root,
        start_vxml=start,
        next_vxml=page('<form id="there"><block><goto next="start.vxml"/></block></form>'),
        lib_js="function twice(n) { return 2 * n }",
    )
    assert found == []


def test_missing_files_dialogs_and_variables() -> None:
    start = page(
        '<form><block><if cond="missing &gt; 1"><goto next="gone.vxml"/></if>\n'
        '<goto next="next.vxml#nowhere"/></block></form>\n'
        '<form id="island"><block><prompt><audio src="a.wav">hello</audio></prompt></block></form>'
    )
    found = project(start_vxml=start, next_vxml=page('<form id="there"><block/></form>'))
    assert found == [
        'start.vxml:2:14: warning: <if> uses the variable "missing", which is declared nowhere in the application',
        'start.vxml:2:40: error: <goto> next="gone.vxml": there is no such file in the application',
        'start.vxml:3:1: error: <goto> leads to "next.vxml#nowhere", but next.vxml has no dialog "nowhere"',
        'start.vxml:4:1: warning: <form> id="island": nothing leads here',
        'start.vxml:4:34: warning: <audio> src="a.wav": there is no such file in the application',
    ]


def test_grammars_that_can_never_match_are_errors() -> None:
    head = "#ABNF 1.0;\nlanguage en;\nroot $r;\n"
    found = project(a_gram=head + "$r = a $r;", b_gram=head + "$r = $<a.gram> | b;", c_gram=head + "$r = $<d.gram>;")
    assert found == [
        'a.gram:1:1: error: rule "r" can never be matched, whatever the caller does',
        'c.gram:1:1: error: reference to "d.gram": there is no such file in the application',
    ]


# --- unit tests of scripts ------------------------------------------------------------------------------


def run(steps: list[object], **expected: object) -> tuple[str, ...]:
    body = page(FIELD.format('<prompt>Thanks for <value expr="n"/>.</prompt><exit namelist="n"/>'))
    tests = read_tests({"script": "s.vxml", "tests": [{"name": "t", "steps": steps, **expected}]}, "t.yaml")
    return run_test(tests, tests.tests[0], START, from_mapping({START: body})).problems


def test_expectations_that_hold() -> None:
    steps: list[object] = [{"expect": "how many"}, "silence", {"keys": "12"}, {"expect": "/thanks for \\d+/"}]
    assert run(steps, exit={"n": "12"}, ends="exit", prompts="Thanks") == ()


def test_expectations_that_do_not_hold_say_what_was_heard() -> None:
    assert run([{"expect": "good day"}, {"keys": "12"}], exit={"n": 13, "m": 1}, prompts=["Bye"]) == (
        'expected "good day", heard "How many?"',
        '"Bye" was never said',
        "exit: expected n 13, was 12",
        "exit: no m (ended by exit)",
    )


def test_an_early_end_is_told() -> None:
    steps: list[object] = [{"keys": "12"}, {"keys": "3"}]
    assert run(steps) == ("the call ended before the caller could do: keys 3",)


def test_pages_are_served_and_visits_are_counted() -> None:
    start = page('<form id="a"><block><goto next="http://elsewhere.example/b.vxml"/></block></form>')
    served = {"http://elsewhere.example/b.vxml": page('<form id="b"><block>Hi</block></form>')}
    tests = read_tests({"script": "s", "pages": served, "tests": [{"steps": [], "prompts": "Hi"}]}, "t.yaml")
    result = run_test(tests, tests.tests[0], START, lambda fetch: Fetched(fetch.id, START, 200, start.encode()))
    assert result.passed
    assert result.visited == {(START, "a"), ("http://elsewhere.example/b.vxml", "b")}


@pytest.mark.parametrize(
    ("loaded", "complaint"),
    [
        ([], "t.yaml: write names and values"),
        ({"tests": []}, "t.yaml: script"),
        ({"script": "a", "tests": []}, "t.yaml: tests"),
        ({"script": "a", "tests": [{"step": []}]}, "test 1: step is not known"),
        ({"script": "a", "tests": [{"steps": [{"keys": "1x"}]}]}, "step 1: keys"),
        ({"script": "a", "tests": [{"steps": ["shout"]}]}, "shout is not known"),
    ],
)
def test_faulty_test_files_are_refused_with_their_place(loaded: object, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        read_tests(loaded, "t.yaml")


# --- commands -------------------------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path: Path) -> Path:
    body = page(FIELD.format('<log>got <value expr="n"/></log><exit namelist="n"/>'))
    (tmp_path / "start.vxml").write_text(body, encoding="utf-8")
    return tmp_path / "start.vxml"


def test_check_takes_a_file_a_folder_and_a_zip(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = script.parent / "app.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("start.vxml", page('<form><block><goto next="gone.vxml"/></block></form>'))
    assert main(["vxml", "check", str(script)]) == 0
    assert main(["vxml", "check", str(packed)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "0 errors, 0 warnings"
    assert said[1].startswith("start.vxml:2:14: error: <goto>")
    assert main(["vxml", "check", str(script.parent / "gone")]) == 2


def test_run_holds_the_conversation(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["vxml", "run", str(script), "--dtmf", "42", "--transcript"]) == 0
    assert "match  dtmf 42" in capsys.readouterr().out
    typed = iter(["", "4", "42"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    assert main(["vxml", "run", str(script)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines() == [*["How many?"] * 3, "[log: got 42]", "[ended: exit {'n': '42'}]"]


def test_test_files_are_found_and_run(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = script.parent / "start.vxmltest.yaml"
    tests.write_text("script: start.vxml\ntests:\n  - {name: types, steps: [keys: '42'], exit: {n: '42'}}\n", "utf-8")
    assert main(["vxml", "test", str(script.parent), "--coverage"]) == 0
    said = capsys.readouterr().out
    assert f"pass  {tests}: types" in said
    assert f"{tests}: 100 % (" in said
    (script.parent / "never.vxml").write_text(page("<form><block>Hello</block></form>"), "utf-8")
    assert main(["vxml", "test", str(script.parent), "--coverage"]) == 0
    assert f"{script.parent / 'never.vxml'}:2: no test ran this item" in capsys.readouterr().out
    assert said.endswith("1 passed, 0 failed\n")
    tests.write_text("script: start.vxml\ntests:\n  - {steps: [keys: '42'], exit: {n: '43'}}\n", "utf-8")
    assert main(["vxml", "test", str(tests)]) == 1


def test_conformance_counts_its_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "#ABNF 1.0;\nlanguage en;\nroot $r;\nmeta 'in.1' is 'a';\nmeta 'out.1' is '{}';\n$r = a;\n"
    (tmp_path / "good.gram").write_text(head.format('$r["a"]'), "utf-8")
    (tmp_path / "wrong.gram").write_text(head.format("REJECT"), "utf-8")
    assert main(["conformance", "srgs", str(tmp_path)]) == 1
    assert capsys.readouterr().out == 'wrong.gram in.1: accepted: $r["a"]\n1 passed, 1 failed\n'
    assert main(["conformance", "srgs", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] == 1
