"""A whole application of five pages: right person, balance, payment by card in a subdialog, receipt, promise."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from tests.support.voicexml import BASE, START
from vxml import SessionConfig, check
from vxml.messages import EndReason, Fetch, Fetched
from vxml.text import Transcript, from_mapping, keys, run_text

CARD = "4111111111111111"
HEAD = '<vxml version="2.1" xmlns="http://www.w3.org/2001/vxml" xml:lang="en-US"'

PAGES = {
    "root.vxml": f"""{HEAD}>
<property name="timeout" value="4s"/>
<property name="interdigittimeout" value="2s"/>
<var name="completion_code" expr="'NO_RESULT'"/>
<var name="tries" expr="0"/>
<script><![CDATA[
  function luhn(digits) {{
    var sum = 0;
    for (var i = 0; i < digits.length; i++) {{
      var d = Number(digits.charAt(digits.length - 1 - i));
      sum += i % 2 ? (d > 4 ? 2 * d - 9 : 2 * d) : d;
    }}
    return sum % 10 == 0;
  }}
]]></script>
<link dtmf="0" event="com.example.operator"/>
<catch event="com.example.operator"><assign name="completion_code" expr="'CALL_ME_BACK'"/>
  <prompt>An agent will call you.</prompt><exit namelist="completion_code"/></catch>
<catch event="connection.disconnect.hangup"><exit namelist="completion_code tries"/></catch>
<noinput count="3"><prompt>Good bye.</prompt><disconnect namelist="completion_code"/></noinput>
<error><log label="error"><value expr="_event"/></log><assign name="completion_code" expr="'APPLICATION_ERROR'"/>
  <exit namelist="completion_code"/></error>
</vxml>""",
    "start.vxml": f"""{HEAD} application="root.vxml">
<form id="greet">
  <var name="who" expr="session.connection.ccxml.values.first_name"/>
  <block><prompt bargein="false">Hello <value expr="who"/>. This is Example Bank.</prompt></block>
  <field name="me" type="boolean">
    <prompt count="1">If you are <value expr="who"/>, press 1. If not, press 2.</prompt>
    <prompt count="2">Please press 1 or 2.</prompt>
    <noinput><reprompt/></noinput><nomatch>Sorry. <reprompt/></nomatch>
    <filled>
      <if cond="!me"><assign name="application.completion_code" expr="'WRONG_PARTY'"/>
        <prompt>Sorry to have troubled you.</prompt><exit namelist="completion_code"/></if>
      <goto next="menu.vxml"/>
    </filled>
  </field>
</form>
</vxml>""",
    "menu.vxml": f"""{HEAD} application="root.vxml">
<menu id="top"><prompt>You owe <value expr="session.connection.ccxml.values.balance"/> dollars. <enumerate/></prompt>
  <choice dtmf="1" next="#pay">paying now</choice><choice dtmf="2" next="promise.vxml">a promise</choice></menu>
<form id="pay">
  <subdialog name="card" src="card.vxml"><param name="greeting" expr="'Your card, please.'"/>
    <catch event="com.example.gave_up"><goto next="promise.vxml"/></catch></subdialog>
  <block>
    <assign name="application.tries" expr="card.tries"/>
    <var name="amount" expr="session.connection.ccxml.values.balance"/>
    <submit next="pay.cgi" method="post" namelist="card.number amount"/></block>
</form>
</vxml>""",
    "card.vxml": f"""{HEAD} application="root.vxml">
<form id="ask">
  <property name="clarion.private" value="true"/>
  <var name="greeting"/>
  <block><prompt><value expr="greeting"/></prompt></block>
  <field name="number" type="digits?minlength=12;maxlength=19"><prompt>Type the number and the pound key.</prompt>
    <filled>
      <assign name="tries" expr="tries + 1"/>
      <if cond="luhn(number)"><return namelist="number tries"/>
      <elseif cond="tries &gt; 1"/><return event="com.example.gave_up"/>
      <else/><prompt>That is not a card number.</prompt><clear namelist="number"/></if>
    </filled></field>
</form>
</vxml>""",
    "promise.vxml": f"""{HEAD} application="root.vxml">
<form>
  <field name="day"><prompt>When will you pay? Type the month and the day.</prompt>
    <grammar mode="dtmf" root="date" tag-format="semantics/1.0">
      <rule id="date"><tag>out.m = ''; out.d = '';</tag>
        <item repeat="2"><ruleref uri="#digit"/><tag>out.m += rules.digit;</tag></item>
        <item repeat="2"><ruleref uri="#digit"/><tag>out.d += rules.digit;</tag></item></rule>
      <rule id="digit"><one-of><item>0</item><item>1</item><item>2</item><item>3</item><item>4</item><item>5</item>
        <item>6</item><item>7</item><item>8</item><item>9</item></one-of></rule></grammar>
    <filled><assign name="completion_code" expr="'PROMISE_TO_PAY'"/><var name="date" expr="day.m + '-' + day.d"/>
      <prompt>Thank you.</prompt><exit namelist="completion_code date tries"/></filled></field>
</form>
</vxml>""",
}
RECEIPT = f"""{HEAD} application="root.vxml"><form><block><assign name="completion_code" expr="'PAID'"/>
  <prompt>Paid. <audio src="jingle.wav">Thank you.</audio></prompt>
  <exit namelist="completion_code tries"/></block></form>
</vxml>"""


def call(script: str, first_name: str = "Ann") -> Transcript:
    serve = from_mapping({BASE + name: body for name, body in {**PAGES, "pay.cgi": RECEIPT}.items()})
    values = {"first_name": first_name, "balance": 120}
    return run_text(SessionConfig(START, values), serve, keys(script))


@pytest.mark.parametrize("name", list(PAGES))
def test_the_pages_pass_the_check(name: str) -> None:
    assert check(name, PAGES[name].encode()) == []


def test_paying_by_card() -> None:
    heard = call("1,1," + CARD + "#")
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.EXIT
    assert heard.ended.values == {"completion_code": "PAID", "tries": 1}
    assert heard.prompts == [
        "Hello Ann. This is Example Bank.",
        "If you are Ann, press 1. If not, press 2.",
        "You owe 120 dollars. For paying now, press 1. For a promise, press 2.",
        "Your card, please. Type the number and the pound key.",
        "Paid. Thank you.",
    ]
    paid = next(fetch for fetch in heard.fetches if fetch.method == "POST")
    assert parse_qs((paid.body or b"").decode()) == {"card.number": [CARD], "amount": ["120"]}
    assert paid.private
    assert CARD not in str(heard)


def test_a_wrong_card_twice_becomes_a_promise() -> None:
    heard = call("1,1,411111111111#,411111111112#,0115")
    assert heard.ended is not None
    assert heard.ended.values == {"completion_code": "PROMISE_TO_PAY", "date": "01-15", "tries": 0}
    assert [event.partition(" ")[0] for event in heard.of("event")] == ["com.example.gave_up"]


def test_the_wrong_person_the_operator_and_silence() -> None:
    codes = []
    for script in ("2", "1,0", "nnn"):
        heard = call(script)
        assert heard.ended is not None
        codes.append((heard.ended.values["completion_code"], heard.ended.reason))
    assert codes == [
        ("WRONG_PARTY", EndReason.EXIT),
        ("CALL_ME_BACK", EndReason.EXIT),
        ("NO_RESULT", EndReason.DISCONNECT),
    ]


def test_hanging_up_in_the_middle_still_gives_a_result() -> None:
    heard = call("1,1,4111h")
    assert heard.ended is not None
    assert heard.ended.reason is EndReason.HANGUP
    assert heard.ended.values == {"completion_code": "NO_RESULT", "tries": 0}


def test_a_failing_payment_page_is_an_error_the_root_document_takes() -> None:
    def serve(request: Fetch) -> Fetched:
        name = request.url.removeprefix(BASE)
        return Fetched(request.id, request.url, 200 if name in PAGES else 503, PAGES.get(name, "").encode())

    heard = run_text(SessionConfig(START, {"first_name": "Ann", "balance": 1}), serve, keys("1,1," + CARD + "#"))
    assert heard.of("log") == ["error: error.badfetch.http.503"]
    assert heard.ended is not None
    assert heard.ended.values == {"completion_code": "APPLICATION_ERROR"}
