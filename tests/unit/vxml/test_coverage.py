"""Coverage of scripts: what ran is told apart from what did not, and marking changes nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vxml.coverage import Coverage, mark
from vxml.document import DocumentError, parse_xml
from vxml.session import SessionConfig
from vxml.text import from_mapping, keys, run_text

PAGE = "http://script.invalid/main.vxml"
SCRIPT = """<?xml version="1.0"?>
<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml">
  <catch event="nomatch"/>
  <form id="ask">
    <block>Hello.</block>
    <field name="answer"
           type="digits?length=1">
      <prompt>Press 1 or 2.</prompt>
      <noinput/>
      <filled>
        <if cond="answer &gt; '1'">
          <goto next="#other"/>
        <elseif cond="answer == '1'"/>
          <log>one</log>
        <else></else>
          <exit/>
        </if>
      </filled>
    </field>
  </form>
  <menu id="other"><prompt>Say a</prompt><choice dtmf="1" next="#ask">a</choice></menu>
</vxml>
"""


def covered(script: str, typed: str) -> dict[tuple[str, int], bool]:
    coverage = Coverage()
    fetch = coverage.fetcher(from_mapping({PAGE: script}))
    transcript = run_text(SessionConfig(PAGE), fetch, keys(typed))
    lines = coverage.add(transcript.lines)
    assert not [line for line in lines if "clarion.coverage" in line.text]
    return {(place.kind, place.line): ran for place, ran in coverage.of(PAGE, script.encode())}


def test_tells_items_handlers_and_branches_that_ran_from_those_that_did_not() -> None:
    assert covered(SCRIPT, "1") == {
        ("handler", 3): False,
        ("item", 5): True,
        ("item", 6): True,
        ("handler", 9): False,
        ("handler", 10): True,
        ("branch", 11): False,
        ("branch", 13): True,
        ("branch", 15): False,
        ("item", 21): False,
    }


def test_other_calls_run_the_other_parts() -> None:
    ran = covered(SCRIPT, "n2")
    assert ran["handler", 9]
    assert ran["branch", 11]
    assert ran["item", 21]
    assert not ran["branch", 13]
    assert covered(SCRIPT, "0")["branch", 15]


def test_a_handler_of_the_root_document_counts_there_and_not_in_the_page() -> None:
    root = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><noinput><exit/></noinput></vxml>'
    page = SCRIPT.replace("<vxml ", '<vxml application="root.vxml" ').replace("<noinput/>", "")
    coverage = Coverage()
    url = "http://script.invalid/root.vxml"
    fetch = coverage.fetcher(from_mapping({PAGE: page, url: root}))
    coverage.add(run_text(SessionConfig(PAGE), fetch, keys("n")).lines)
    assert [ran for _, ran in coverage.of(url, root.encode())] == [True]


def test_a_document_that_no_call_fetched_did_not_run() -> None:
    places = Coverage().of(PAGE, SCRIPT.encode())
    assert len(places) == 9
    assert not any(ran for _, ran in places)


def test_a_script_that_logs_like_a_mark_marks_nothing() -> None:
    forged = "".join(f'<log label="clarion.coverage">{mark}</log>' for mark in ("x", "7.1", "0.99", "0.", "."))
    assert covered(SCRIPT.replace("<log>one</log>", forged), "1") == covered(SCRIPT, "1")


@pytest.mark.parametrize("body", [b"", b"<vxml", "﻿<vxml/>".encode("utf-16"), b"<form/>"])
def test_what_cannot_be_read_is_left_alone(body: bytes) -> None:
    with pytest.raises(DocumentError):
        mark(body, "0")
    assert Coverage().of(PAGE, body) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<block>a &lt; 'b' &gt;</block>", "<block/>", "<block cond=\"1 > 0\"\n>x</block>", "<noinput/>",
                '<field name="f" type="boolean"><filled><if cond="f"><else/><exit/></if></filled></field>',
                "<nomatch><if cond='2 > 1'/></nomatch>", "<!-- <block> -->", "<block><![CDATA[<if>]]></block>",
                "<filled><if cond=\"true\"\n><elseif cond='x'/>b<else></else>c</if></filled>",
            ]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_marking_keeps_every_line_where_it_was(parts: list[str]) -> None:
    named = [part.replace('name="f"', f'name="f{number}"') for number, part in enumerate(parts)]
    body = f'<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml"><form>{chr(10).join(named)}</form></vxml>'.encode()
    marked = mark(body, "0").body
    kept = [(node.tag, node.line) for node in parse_xml(marked).walk() if node.tag != "log"]
    assert kept == [(node.tag, node.line) for node in parse_xml(body).walk()]
    assert marked.count(b"\n") == body.count(b"\n")
