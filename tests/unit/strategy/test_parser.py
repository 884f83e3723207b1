from __future__ import annotations

import pytest

from app.core.completion import SYSTEM_CODES
from app.core.strategy import Channel, Counting, StrategyError, check, parse, render, shipped, shipped_names
from app.core.strategy.text import pick_language
from common.errors import Refused

HEAD = '<Strategy xmlns="urn:clarion:strategy:1" name="s">'


def problems_of(body: str) -> list[str]:
    return [str(problem) for problem in check(HEAD + body + "</Strategy>", SYSTEM_CODES)]


@pytest.mark.parametrize("name", shipped_names())
def test_the_shipped_strategies_are_valid(name: str) -> None:
    assert check(shipped(name), SYSTEM_CODES) == ()


def test_reads_every_part() -> None:
    strategy = parse(
        HEAD.replace("name=", 'retryCounting="code" maxAttempts="7" name=')
        + """<Handler name="call">
        <Call timeout="20s" sender="+15550100">
          <Restrictions><Restriction attribute="balance" operator="less" value="1"/></Restrictions>
          <Address attribute="phone1" earliest="21:00" latest="06:00"/>
          <Results default="mail">
            <Result code="CALL_BUSY
                          FAST_BUSY"><Retry count="3" intervals="10, 2m,1h" failState="mail" looping="true">
              <Address attribute="phone2"/></Retry></Result>
            <Result code="ANSWER_HUMAN" next="done"/>
          </Results>
        </Call></Handler>
        <Handler name="mail"><Email wait="2h"><Address attribute="email"/>
          <Text>A {name}</Text><Text language="es">B</Text><Subject>S</Subject></Email></Handler></Strategy>"""
    )
    assert strategy.counting is Counting.CODE
    assert strategy.max_attempts == 7
    assert strategy.initial == "call"
    call = strategy.handlers["call"].action
    assert call.timeout == 20
    assert call.addresses[0].earliest is not None
    retry = call.result_for("FAST_BUSY")
    assert retry is not None
    assert retry.retry is not None
    assert retry.retry.intervals == (10, 120, 3600)
    assert retry.retry.looping
    assert [ref.name for ref in call.all_addresses()] == ["phone1", "phone2"]
    assert call.restrictions[0].holds({"balance": 0.5})
    assert not call.restrictions[0].holds({"balance": "much"})
    mail = strategy.handlers["mail"].action
    assert mail.channel is Channel.EMAIL
    assert mail.wait == 7200
    assert pick_language(mail.texts, "es-MX") == "B"
    assert pick_language(mail.texts, "fr") == "A {name}"


def test_reports_every_fault_with_its_line() -> None:
    found = problems_of(
        """
<Handler name="a"><Call timeout="forever">
  <Address/>
  <Results><Result code="CALL_BUSY"/></Results>
</Call></Handler>
<Handler name="b" colour="red"><Sms><Address attribute="phone1"/></Sms></Handler>
<Handler name="c"><Fax/></Handler>"""
    )
    assert found == [
        'line 2: Call: timeout="forever": write seconds, or a number with s, m, h or d',
        "line 3: Address: the attribute attribute is missing",
        "line 4: Result: give it either a next state or a Retry",
        "line 6: Handler: unknown attribute colour; it may have name",
        "line 6: Sms: it needs a Text",
        "line 7: Handler: it needs exactly one of Call, Sms, Email",
        "line 7: Fax: not allowed in Handler; Call, Email, Sms may stand here",
    ]


def test_reports_names_that_do_not_exist_or_lead_nowhere() -> None:
    found = problems_of(
        """
<Handler name="a"><Call><Address attribute="phone1"/><Results default="nowhere">
  <Result code="CALL_BUSY NO_SUCH" next="done"/>
  <Result code="CALL_BUSY" next="done"/>
  <Result code="NO_CALLABLE_ADDRESS" next="next-address"/></Results></Call></Handler>
<Handler name="b"><Sms><Address attribute="phone1"/><Text>Hi {first name}</Text></Sms></Handler>
<Handler name="wait"><Sms><Address attribute="phone1"/><Text>Hi</Text></Sms></Handler>"""
    )
    assert [line.partition(":")[0] for line in found] == [f"line {n}" for n in (2, 3, 4, 5, 6, 6, 7, 7)]
    assert "there is no Handler of that name" in found[0]
    assert "NO_SUCH is no completion code" in found[1]
    assert "name it once" in found[2]


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<a",
        "<Strategy name='s'/>",
        '<!DOCTYPE s [<!ENTITY e "x">]>' + HEAD + "<Handler name='a'/></Strategy>",
        HEAD + "<!-- c --><?pi x?></Strategy>",
        "\x00",
        HEAD + "<Handler name='a'>" * 300 + "</Strategy>",
        HEAD + " " * 300_000 + "</Strategy>",
    ],
)
def test_refuses_what_is_no_strategy(xml: str) -> None:
    with pytest.raises(StrategyError) as caught:
        parse(xml)
    assert all(problem.line >= 0 and problem.message for problem in caught.value.problems)


def test_accepts_text_whose_declaration_names_an_encoding() -> None:
    xml = shipped("message-only").replace("UTF-8", "utf-16")
    assert parse(xml).name == "Message only"
    assert parse(shipped("message-only").encode()).name == "Message only"


def test_renders_attributes_and_defaults_and_runs_nothing() -> None:
    values = {"first_name": "Ann", "balance": 12.5, "empty": ""}
    assert (
        render("Hi {first_name}, {balance} {{x}} {none|friend}{none} {empty|-}", values) == "Hi Ann, 12.5 {x} friend -"
    )
    assert render("{first_name}", {"first_name": "{balance}"}) == "{balance}"
    for bad in ("{a.b}", "{0}", "{a!r}", "{", "x}", "{}"):
        with pytest.raises(Refused):
            render(bad, values)
