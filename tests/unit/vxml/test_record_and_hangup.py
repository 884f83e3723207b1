"""Recording on the raw surface: what is asked of the shell, and a hang-up in the middle."""

from __future__ import annotations

import pytest

from tests.support.voicexml import START, page, talk
from vxml import Session, SessionConfig
from vxml.messages import Ended, EndReason, Fetch, Fetched, Hangup, KeyPressed, Record, Recorded


def recording(attributes: str) -> tuple[Session, Record]:
    body = f"""<catch event="connection.disconnect.hangup">
      <var name="got" expr="typeof m$ == 'undefined' ? 0 : m$.duration"/>
      <exit namelist="got"/></catch><form><record name="m" {attributes}/></form>"""
    session = Session(SessionConfig(START))
    session.start(0.0)
    fetch = next(command for command in session.commands() if isinstance(command, Fetch))
    session.receive(Fetched(fetch.id, START, 200, page(body).encode()), 0.0)
    return session, next(command for command in session.commands() if isinstance(command, Record))


def ended(session: Session) -> Ended:
    return next(command for command in session.commands() if isinstance(command, Ended))


def test_the_attributes_reach_the_shell() -> None:
    _, record = recording('maxtime="30s" finalsilence="1500ms" beep="true" dtmfterm="false"')
    assert (record.max_seconds, record.final_silence, record.beep, record.term_keys) == (30.0, 1.5, True, "")


def test_a_recording_ended_by_hanging_up_is_kept_and_the_hangup_is_thrown() -> None:
    session, record = recording("")
    session.receive(Recorded(record.id, b"RIFF", 900, "hangup"), 1.0)
    session.receive(Hangup(), 1.0)
    over = ended(session)
    assert over.values == {"got": 900}
    assert over.reason is EndReason.HANGUP


def test_a_hangup_whose_recording_never_comes_does_not_wait_for_ever() -> None:
    session, _ = recording("")
    session.receive(Hangup(), 1.0)
    assert not session.ended
    due = session.next_timer()
    assert due is not None
    session.handle_timer(due)
    assert ended(session).reason is EndReason.HANGUP


def test_silence_is_noinput() -> None:
    heard = talk('<form><record name="m"><noinput><log>quiet</log><exit/></noinput></record></form>')
    assert heard.of("log") == ["quiet"]


RECORDING = Recorded(0, b"RIFFaudio", 2500, "silence")
SHADOW = "[r$.duration, r$.size, typeof r$.termchar == 'undefined' ? 'none' : r$.termchar, r$.maxtime].join()"


def logged(body: str, script: object = "") -> list[str]:
    heard = talk(body, script)
    assert heard.ended is not None
    return heard.of("log") or [heard.ended.detail]


@pytest.mark.parametrize(
    ("ended_by", "shadow"),
    [("silence", "2500,9,none,false"), ("#", "2500,9,#,false"), ("maxtime", "2500,9,none,true")],
)
def test_the_shadow_variable_tells_how_a_recording_ended(ended_by: str, shadow: str) -> None:
    body = f'<form><record name="r"><filled><log><value expr="{SHADOW}"/></log></filled></record></form>'
    assert logged(body, [Recorded(0, b"RIFFaudio", 2500, ended_by)]) == [shadow]


def test_a_key_before_there_is_audio_leaves_the_item_unfilled_without_a_noinput() -> None:
    body = """<form><record name="r"><prompt>Speak</prompt><noinput><log>noinput</log></noinput></record>
      <block><log><value expr="r$.duration + application.lastresult$.utterance"/></log></block></form>"""
    silent_key = Recorded(0, b"", 300, "7")
    heard = talk(body, [silent_key, RECORDING])
    assert heard.prompts == ["Speak", "Speak"]
    assert heard.of("log") == ["25007"]


def test_a_key_in_the_prompt_of_a_recording_asks_again() -> None:
    body = """<form><record name="r"><prompt>Speak</prompt><filled><log>done</log></filled></record></form>"""
    heard = talk(body, [KeyPressed("5"), RECORDING])
    assert heard.prompts == ["Speak", "Speak"]
    assert heard.of("log") == ["done"]


def test_how_long_to_wait_for_the_first_word_is_the_prompts_timeout() -> None:
    def waited(body: str) -> float:
        return next(one.timeout for one in talk(body, [RECORDING]).commands if isinstance(one, Record))

    assert waited('<form><record name="r"><prompt timeout="8s">Speak</prompt></record></form>') == 8.0
    assert waited('<form><record name="r"><property name="timeout" value="2s"/></record></form>') == 2.0


def test_a_link_reaches_into_a_recording_only_where_it_is_not_modal() -> None:
    body = """<link dtmf="9" event="out"/><catch event="out"><log>out <value expr="typeof r"/></log><exit/></catch>
      <form><record name="r" {}><filled><log>kept <value expr="r$.termchar"/></log><exit/></filled></record></form>"""
    nine = [Recorded(0, b"RIFFaudio", 2500, "9")]
    assert logged(body.format('modal="false"'), nine) == ["out undefined"]
    assert logged(body.format(""), nine) == ["kept 9"]
    assert logged(body.format('modal="false"'), [Recorded(0, b"RIFFaudio", 2500, "8")]) == ["kept 8"]


def test_an_own_grammar_ends_a_recording_that_other_keys_do_not() -> None:
    body = """<form><record name="r" dtmfterm="false"><grammar mode="dtmf" root="g"><rule id="g">1 2</rule></grammar>
      <filled><log><value expr="application.lastresult$.utterance + typeof r$.termchar"/></log></filled>
      </record></form>"""
    heard = talk(body, [Recorded(0, b"RIFFaudio", 2500, "1"), KeyPressed("2")])
    assert next(one.term_keys for one in heard.commands if isinstance(one, Record)) == "1"
    assert heard.of("log") == ["12undefined"]


def test_what_was_recorded_is_played_back_and_sent() -> None:
    body = """<form><record name="r"/><block>You said <value expr="r"/><audio expr="r"/>
      <submit next="to" method="post" enctype="multipart/form-data" namelist="r"/></block></form>"""
    heard = talk(body, [RECORDING], pages={"to": page("<form><block/></form>")})
    assert heard.prompts == ["You said [recording] [recording]"]
    assert b'name="r"; filename="r.wav"' in (heard.fetches[-1].body or b"")
    assert b"RIFFaudio" in (heard.fetches[-1].body or b"")
