"""Recording on the raw surface: what is asked of the shell, and a hang-up in the middle."""

from __future__ import annotations

from tests.support.voicexml import START, page, talk
from vxml import Session, SessionConfig
from vxml.messages import Ended, EndReason, Fetch, Fetched, Hangup, Record, Recorded


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
