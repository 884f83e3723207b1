"""Going from dialog to dialog and document to document: goto, submit, root documents, subdialogs, fetch errors."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.voicexml import BASE, exit_values, page, talk
from vxml import SessionConfig
from vxml.messages import EndReason, Fetch, FetchFailed, FetchProblem
from vxml.text import from_folder, run_text

LAST = page("<form><block><exit expr=\"'arrived'\"/></block></form>")


def test_goto_follows_relative_addresses_and_fragments() -> None:
    other = page('<form id="a"><block>a</block></form><form id="b"><block><goto next="../up.vxml"/></block></form>')
    pages = {"sub/other.vxml": other, "up.vxml": LAST}
    heard = talk('<form><block><goto next="sub/other.vxml#b"/></block></form>', pages=pages)
    assert exit_values(heard) == {"expr": "arrived"}
    assert [fetch.url for fetch in heard.fetches][1:] == [BASE + "sub/other.vxml", BASE + "up.vxml"]


def test_goto_expr_computes_its_address() -> None:
    heard = talk("<form><block><goto expr=\"'n' + 1 + '.vxml'\"/></block></form>", pages={"n1.vxml": LAST})
    assert exit_values(heard) == {"expr": "arrived"}


def test_submit_get_appends_the_namelist_to_the_query() -> None:
    heard = talk(
        """<form><var name="a" expr="'x y'"/><var name="b" expr="3"/><var name="o" expr="({k: {d: true}})"/>
        <block><submit next="in.vxml?q=1" namelist="a b o"/></block></form>""",
        pages={"in.vxml": LAST},
    )
    query = parse_qs(urlsplit(heard.fetches[-1].url).query)
    assert query == {"q": ["1"], "a": ["x y"], "b": ["3"], "o.k.d": ["true"]}


def test_submit_post_sends_a_form_and_by_default_all_input_items() -> None:
    heard = talk(
        """<form><field name="pin" type="digits?length=2"/><field name="ok" type="boolean"/>
        <block><submit next="in.vxml" method="post"/></block></form>""",
        "121",
        pages={"in.vxml": LAST},
    )
    last = heard.fetches[-1]
    assert (last.method, last.body, last.content_type) == (
        "POST", b"pin=12&ok=true", "application/x-www-form-urlencoded",
    )  # fmt: skip


def test_fetch_failures_are_events_where_the_goto_stands() -> None:
    heard = talk(
        """<catch event="error.badfetch.http.404"><log>gone</log><exit/></catch>
        <form><block><goto next="missing.vxml"/></block></form>"""
    )
    assert heard.of("log") == ["gone"]


def test_a_first_document_that_cannot_be_had_ends_the_session() -> None:
    def refuse(request: Fetch) -> FetchFailed:
        return FetchFailed(request.id, FetchProblem.TIMEOUT, "10 s")

    heard = run_text(SessionConfig(BASE), refuse)
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.ERROR
    assert "timeout" in heard.ended.detail


def test_a_page_that_is_not_voicexml_is_a_bad_fetch_with_its_line() -> None:
    heard = talk('<form><block><goto next="bad.vxml"/></block></form>', pages={"bad.vxml": "<vxml>\n<form></vxml>"})
    assert heard.ended is not None
    assert "error.badfetch" in heard.ended.detail
    assert "bad.vxml:2" in heard.ended.detail


def test_root_document_variables_outlive_their_leaves() -> None:
    root = page('<var name="count" expr="0"/><script>function more() { count++; return count; }</script>')
    second = page(
        '<form><block><log><value expr="more()"/> <value expr="application.count"/></log></block></form>',
        'application="root.vxml"',
    )
    heard = talk(
        '<form><block><log><value expr="more()"/></log><goto next="second.vxml"/></block></form>',
        pages={"root.vxml": root, "second.vxml": second},
        attributes='application="root.vxml"',
    )
    assert heard.of("log") == ["1", "2 2"]
    assert [fetch.url for fetch in heard.fetches].count(BASE + "root.vxml") == 1


def test_leaving_the_application_forgets_its_variables() -> None:
    second = page('<form><block><log><value expr="typeof mine"/> <value expr="typeof local"/></log></block></form>')
    heard = talk(
        '<var name="local" expr="1"/><form><block><goto next="second.vxml"/></block></form>',
        pages={"root.vxml": page('<var name="mine" expr="1"/>'), "second.vxml": second},
        attributes='application="root.vxml"',
    )
    assert heard.of("log") == ["undefined undefined"]


def test_a_subdialog_takes_params_and_returns_values_in_a_context_of_its_own() -> None:
    sub = page(
        """<form><var name="given"/><var name="size" expr="1"/><block><log><value expr="typeof outside"/></log>
        <var name="total" expr="given + size"/><return namelist="total"/></block></form>"""
    )
    heard = talk(
        """<var name="outside" expr="5"/><form><subdialog name="s" src="sub.vxml"><param name="given" expr="outside"/>
        <param name="size" value="2"/></subdialog><block><log><value expr="s.total"/> <value expr="outside"/></log>
        </block></form>""",
        pages={"sub.vxml": sub},
    )
    assert heard.of("log") == ["undefined", "52 5"]


def test_a_subdialog_may_return_an_event_and_see_the_hangup() -> None:
    heard = talk(
        """<form><catch event="no.luck"><log>no luck</log><exit/></catch><subdialog name="s" src="#sub"/></form>
        <form id="sub"><block><return event="no.luck"/></block></form>"""
    )
    assert heard.of("log") == ["no luck"]


def test_exit_inside_a_subdialog_ends_the_whole_session() -> None:
    heard = talk(
        """<form><subdialog name="s" src="#sub"/><block>not reached</block></form>
        <form id="sub"><block><exit expr="7"/></block></form>"""
    )
    assert exit_values(heard) == {"expr": 7}
    assert heard.prompts == []


def test_a_param_without_its_var_is_an_error() -> None:
    heard = talk(
        """<form><subdialog name="s" src="#sub"><param name="nope" expr="1"/></subdialog></form>
        <form id="sub"><catch event="error.semantic"><return event="inner"/></catch><block/></form>"""
    )
    assert heard.ended is not None
    assert heard.ended.detail.startswith("inner")


def test_call_values_are_session_variables_that_cannot_be_changed() -> None:
    values = {"first_name": "Ann", "attempt_id": "a1", "nested": {"x": [1, 2]}}
    heard = talk(
        """<form><block><log><value expr="session.connection.ccxml.values.first_name"/>
        <value expr="session.connection.ccxml.values.nested.x.length"/>
        <value expr="typeof session.connection.ccxml.values.missing"/></log>
        <assign name="session.connection.ccxml.values.first_name" expr="'Eve'"/></block></form>""",
        values=values,
    )
    assert heard.of("log") == ["Ann 2 undefined"]
    assert heard.ended is not None
    assert "error.semantic" in heard.ended.detail


def test_external_grammars_and_scripts_are_fetched_once() -> None:
    grammar = """<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="dtmf" root="pin">
      <rule id="pin" scope="public"><item repeat="2"><ruleref uri="digit.grxml#digit"/></item></rule></grammar>"""
    digit = """<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" mode="dtmf" root="digit">
      <rule id="digit" scope="public"><one-of><item>1</item><item>2</item></one-of></rule></grammar>"""
    heard = talk(
        """<script src="lib.js"/><form><field name="a"><grammar src="pin.grxml"/></field>
        <field name="b"><grammar src="pin.grxml"/></field>
        <block><log><value expr="twice(a$.utterance)"/> <value expr="b$.utterance"/></log></block></form>""",
        "1221",
        pages={"pin.grxml": grammar, "digit.grxml": digit, "lib.js": "function twice(x) { return x + x }"},
    )
    assert heard.of("log") == ["1212 21"]
    assert [fetch.url for fetch in heard.fetches].count(BASE + "pin.grxml") == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://x/y", "../outside.vxml"])
def test_text_mode_reads_only_files_of_its_folder(tmp_path: Path, url: str) -> None:
    folder = tmp_path / "scripts"
    folder.mkdir()
    (tmp_path / "outside.vxml").write_text(LAST)
    start = folder / "start.vxml"
    start.write_text(page(f'<form><block><goto next="{url}"/></block></form>'))
    heard = run_text(SessionConfig(start.as_uri()), from_folder(folder))
    assert heard.ended is not None
    assert "forbidden" in heard.ended.detail


def test_a_link_of_the_root_leads_to_where_it_was_written() -> None:
    def logged(link: str) -> list[str]:
        root = f'{link}<form id="here"><block><log>in the root</log></block></form>'
        pages = {
            "roots/root.vxml": page(root),
            "roots/next.vxml": page("<form><block><log>beside the root</log></block></form>"),
            "next.vxml": page("<form><block><log>beside the leaf</log></block></form>"),
        }
        leaf = '<form id="here"><field name="f" type="boolean"/></form>'
        return talk(leaf, "9", pages=pages, attributes='application="roots/root.vxml"').of("log")

    assert logged('<link dtmf="9" next="next.vxml"/>') == ["beside the root"]
    assert logged('<link dtmf="9" next="#here"/>') == ["in the root"]
    assert logged('<link dtmf="9" expr="\'next.vxml\'"/>') == ["beside the root"]
