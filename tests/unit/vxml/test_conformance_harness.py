"""The caller, the far end and the missing files that the harness of the Implementation Report's cases stands in for."""

from __future__ import annotations

from pathlib import Path

import pytest

from vxml.conformance import run_case, run_directory

CONF = "http://www.w3.org/2002/vxml-conformance"
HEAD = f'<vxml version="2.0" xmlns="http://www.w3.org/2001/vxml" xmlns:conf="{CONF}" {{}}>'


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return tmp_path


def write(suite: Path, name: str, body: str, attributes: str = "") -> None:
    (suite / name).write_text(f"{HEAD.format(attributes)}{body}</vxml>", "utf-8")


def reason(suite: Path, body: str, attributes: str = "") -> str:
    write(suite, "case.txml", body + "<catch><conf:fail expr=\"'caught ' + _event\"/></catch>", attributes)
    return run_case(suite, "case").reason


RECORD = """<form><record name="r" {}>{}<filled><if cond="r$.termchar == '#'"><conf:pass/><else/>
  <conf:fail expr="typeof r$.termchar"/></if></filled></record></form>"""


def test_a_key_at_a_recording_ends_it_after_its_prompt(suite: Path) -> None:
    assert reason(suite, RECORD.format("", '<prompt>Speak</prompt><conf:key value="#"/>')) == ""


def test_a_recording_takes_what_its_prompt_asks_for(suite: Path) -> None:
    assert reason(suite, RECORD.format("", "<prompt>Say something</prompt>")) == "fail: undefined"


def test_words_in_a_transfer_take_the_caller_back(suite: Path) -> None:
    body = """<form><transfer name="t" dest="tel:1" bridge="true"><conf:grammar utterance="alpha"/>
      <conf:speech value="alpha"/><filled><if cond="t == 'near_end_disconnect' &amp;&amp; t$.utterance == 'chicago'">
      <conf:pass/></if></filled></transfer></form>"""
    assert reason(suite, body) == ""


READS = """<form><block><if cond="typeof(rootVar) == 'undefined'"><conf:fail/><else/><conf:pass/></if></block></form>"""


def test_a_root_document_that_the_set_lacks_declares_what_its_leaf_reads(suite: Path) -> None:
    assert reason(suite, READS, 'application="root.vxml"') == ""
    assert 'made up: <vxml version="2.0"' in run_case(suite, "case").remark


def test_a_root_document_that_is_there_is_taken_as_it_is(suite: Path) -> None:
    write(suite, "root.txml", "")
    assert reason(suite, READS, 'application="root.vxml"') == "fail: "


def test_a_missing_root_of_which_nothing_is_read_is_a_bad_fetch(suite: Path) -> None:
    write(suite, "leaf.txml", "<form><block/></form>", 'application="gone.vxml"')
    write(
        suite,
        "start.txml",
        """<catch event="error.badfetch"><conf:pass/></catch><form><block><goto next="leaf.vxml"/></block></form>""",
    )
    assert [(verdict.case, verdict.reason) for verdict in run_directory(suite)] == [("start", "")]
