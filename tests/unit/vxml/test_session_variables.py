"""Session variables, as generated pages probe them (RFC 5552 section 2.4, VoiceXML 2.0 section 5.1.4)."""

from __future__ import annotations

import pytest

from tests.support.voicexml import START, page
from vxml import SessionConfig
from vxml.session import ConnectionInfo, Redirect
from vxml.text import from_mapping, run_text


def seen(expression: str, connection: ConnectionInfo | None = None, **values: object) -> str:
    body = f"""<form><script>
      function probe(name) {{ try {{ return String(eval(name)) }} catch (e) {{ return 'unknown' }} }}
      function all(name, part) {{ try {{ var n = eval(name + '.length'), found = [];
        for (var i = 0; i != n; i++) found.push(eval(name + '[' + i + '].' + part));
        return found.join('|') }} catch (e) {{ return 'unknown' }} }}
      </script><block><log><value expr="{expression}"/></log></block></form>"""
    config = SessionConfig(START, values, connection or ConnectionInfo("sip:1@us", "sip:2@them", ucid="77"))
    heard = run_text(config, from_mapping({START: page(body)}))
    assert heard.ended is not None
    return heard.of("log")[0] if heard.of("log") else heard.ended.detail


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("session.connection.local.uri + session.connection.remote.uri", "sip:1@ussip:2@them"),
        ("session.connection.protocol.name + session.connection.protocol.version", "sip2.0"),
        ("session.connection.originator === session.connection.local", "true"),
        ("session.connection.originator === session.connection.remote", "false"),
        ("typeof session.connection.aai", "undefined"),
        ("session.connection.redirect.length", "0"),
        ("session.connection.ccxml.namelist.join() + session.connection.ccxml.values.first", "first,secondAnn"),
        ("session.telephone.ani + session.telephone.dnis", "sip:1@ussip:2@them"),
        ("session.avaya.ucid + session.avaya.telephone.callid + session.sessionid", "777777"),
        ("session.avaya.telephone.startPage", START),
        ("probe('session.avaya.telephone.channel') + probe('session.nothing.more')", "undefinedunknown"),
        ("all('session.avaya.uui.shared', 'id') + session.avaya.uui.mode", "service provider"),
        ("session.connection.protocol.sip.callid", "77"),
    ],
)
def test_the_call_is_there_to_be_read(expression: str, value: str) -> None:
    assert seen(expression, first="Ann", second=2) == value


def test_an_inbound_call_with_its_history() -> None:
    call = ConnectionInfo(
        "sip:us@x",
        "sip:them@y",
        uui="C8,3130;FA,0001",
        originator="remote",
        redirects=(Redirect("tel:+1", reason="user busy"), Redirect("tel:+2", "1", "network")),
        headers={"Call-ID": "abc@y", "X-Campaign": "spring"},
    )
    assert seen("session.connection.originator === session.connection.remote", call) == "true"
    assert seen("all('session.connection.redirect', 'uri') + all('session.connection.redirect', 'reason')", call) == (
        "tel:+1|tel:+2user busy|unknown"
    )
    assert seen("session.telephone.ani + ' ' + session.connection.protocol.sip.callid", call) == "sip:them@y abc@y"
    assert seen("session.connection.protocol.sip.headers['x-campaign']", call) == "spring"
    shared = "session.avaya.uui.mode + all('session.avaya.uui.shared', 'id') + all('session.avaya.uui.shared', 'value')"
    assert seen(shared, call) == "shared dataC8|FA3130|0001"
    assert seen("session.connection.aai", call) == "C8,3130;FA,0001"


@pytest.mark.parametrize(
    "name", ["session.connection.local.uri", "session.connection.ccxml.values.first", "session.fresh", "session"]
)
def test_session_variables_cannot_be_assigned(name: str) -> None:
    body = f"""<form><block><assign name="{name}" expr="1"/><log>assigned</log></block>
      <catch event="error.semantic"><log>refused</log><exit/></catch></form>"""
    heard = run_text(SessionConfig(START, {"first": "Ann"}), from_mapping({START: page(body)}))
    assert heard.of("log") == ["refused"]
