"""Subdialogs: what goes in, what comes back, what stays apart (VoiceXML 2.0 section 2.3.4)."""

from __future__ import annotations

from tests.support.voicexml import page, talk


def logged(body: str, *inputs: object, **options: object) -> list[str]:
    return talk(body, *inputs, **options).of("log")


def test_values_come_back_as_they_are() -> None:
    body = """<form><subdialog name="s" src="#sub"/><block>
      <log><value expr="[typeof s.none, 'none' in s, s.when instanceof Date, s.twice(4), s.row.cell].join()"/></log>
      </block></form>
      <form id="sub"><block><var name="none"/><script>var when = new Date(0), row = {cell: 5};
      function twice(n) { return 2 * n }</script><return namelist="none when twice row.cell"/></block></form>"""
    assert logged(body) == ["undefined,true,true,8,5"]


def test_params_are_evaluated_by_the_caller_and_go_before_the_initial_value() -> None:
    body = """<form><var name="n" expr="1"/><subdialog name="s" src="#sub">
      <param name="a" expr="[n, function(){ return n }]"/>
      <param name="b" value="1+1"/></subdialog></form>
      <form id="sub"><var name="a" expr="neverEvaluated"/><var name="b"/><var name="c" expr="'own'"/>
      <block><log><value expr="a[0] + a[1]() + b + c"/></log><return/></block></form>"""
    assert logged(body) == ["21+1own"]


def test_a_param_without_a_variable_is_a_semantic_error() -> None:
    body = """<form><subdialog name="s" src="#sub"><param name="stray" value="1"/></subdialog></form>
      <form id="sub"><catch event="error.semantic"><log><value expr="_message"/></log><exit/></catch><block/></form>"""
    assert logged(body) == ['param "stray" has no <var> in the subdialog']


def test_returning_an_undeclared_variable_is_the_subdialogs_error() -> None:
    body = """<form><subdialog name="s" src="#sub"/></form>
      <form id="sub"><block><return namelist="nowhere"/></block>
      <catch event="error.semantic"><log>inside</log><exit/></catch></form>"""
    assert logged(body) == ["inside"]


def test_a_return_without_values_fills_the_variable_with_an_empty_object() -> None:
    body = """<form><subdialog name="s" src="#sub">
      <filled><log><value expr="typeof s"/></log></filled></subdialog></form>
      <form id="sub"><block><return/></block></form>"""
    assert logged(body) == ["object"]


def test_a_returned_event_is_thrown_at_the_subdialog_with_its_message() -> None:
    body = """<form><subdialog name="s" src="#sub">
      <catch event="back"><log><value expr="_event + _message"/></log><exit/>
      </catch></subdialog></form>
      <form id="sub"><block><return event="back" messageexpr="' ' + 7"/></block></form>"""
    assert logged(body) == ["back 7"]


def test_an_exit_or_the_end_of_a_subdialog_ends_the_session() -> None:
    for content in ("<exit/>", ""):
        heard = talk(
            f"""<form><subdialog name="s" src="#sub"/><block><log>after</log></block></form>
            <form id="sub"><block>{content}</block></form>"""
        )
        assert heard.of("log") == []


def test_handlers_and_grammars_of_the_caller_do_not_reach_inside() -> None:
    body = """<link dtmf="9" event="outer"/><catch event="outer"><log>outer</log><exit/></catch>
      <catch event="nomatch"><log>caller</log><exit/></catch>
      <form><subdialog name="s" src="sub.vxml"/></form>"""
    inner = page("""<form><field name="f" type="boolean"><nomatch><log>inside</log><exit/></nomatch></field></form>""")
    assert logged(body, "9", pages={"sub.vxml": inner}) == ["inside"]


def test_a_subdialog_in_the_same_document_starts_from_fresh_variables() -> None:
    body = """<var name="n" expr="1"/><form><block><assign name="n" expr="5"/></block><subdialog name="s" src="#sub"/>
      <block><log><value expr="s.n + ' ' + n"/></log></block></form>
      <form id="sub"><block><return namelist="n"/></block></form>"""
    assert logged(body) == ["1 5"]


def test_a_namelist_goes_with_the_request_for_the_subdialog() -> None:
    heard = talk(
        """<form><var name="n" expr="7"/><subdialog name="s" src="sub.vxml" namelist="n" method="post"/></form>""",
        pages={"sub.vxml": page("<form><block><return/></block></form>")},
    )
    assert [fetch.body for fetch in heard.fetches] == [None, b"n=7"]
