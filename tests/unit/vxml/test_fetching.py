"""What the interpreter asks to be fetched, and what the caller hears meanwhile (section 6.1)."""

from __future__ import annotations

import pytest

from tests.support.voicexml import BASE, page, talk
from vxml import SessionConfig
from vxml.document import SRGS_NS
from vxml.messages import AudioItem, Fetch, FetchAudio, Fetched, Play, Prefetch, Trace
from vxml.text import run_text


def test_prompts_are_heard_before_the_audio_of_a_slow_page() -> None:
    second = page("<form><block>There.</block></form>")
    body = (
        '<property name="fetchaudiominimum" value="3s"/><property name="audiomaxage" value="60"/>'
        '<form><block>Wait.<goto next="second.vxml" fetchaudio="music.wav"/></block></form>'
    )
    transcript = talk(body, pages={"second.vxml": second})
    fetch = transcript.fetches[-1]
    assert fetch.audio == FetchAudio(AudioItem(BASE + "music.wav", timeout=10.0, max_age=60.0), 2.0, 3.0)
    kinds = [type(command).__name__ for command in transcript.commands if not isinstance(command, Trace)]
    assert kinds == ["Fetch", "Play", "Fetch", "Play", "Ended"]


def test_without_fetchaudio_prompts_wait_for_the_next_question() -> None:
    second = page("<form><block>There.</block></form>")
    transcript = talk('<form><block>Wait.<goto next="second.vxml"/></block></form>', pages={"second.vxml": second})
    assert transcript.prompts == ["Wait. There."]
    assert transcript.fetches[-1].audio is None


def test_a_root_document_is_fetched_as_patiently_as_its_leaf() -> None:
    root = page('<var name="x"/>')
    leaf = page("<form><block/></form>", 'application="root.vxml"')
    body = '<form><block><goto next="leaf.vxml" fetchtimeout="3s" maxage="5"/></block></form>'
    transcript = talk(body, pages={"leaf.vxml": leaf, "root.vxml": root})
    assert [(fetch.timeout, fetch.max_age) for fetch in transcript.fetches[1:]] == [(3.0, 5.0), (3.0, 5.0)]


def test_fetch_attributes_go_before_the_properties_of_their_kind() -> None:
    body = """<property name="grammarmaxage" value="60"/><property name="scriptmaxstale" value="5"/>
      <property name="audiomaxage" value="9"/><property name="documentmaxage" value="7"/>
      <property name="datamaxage" value="8"/><property name="fetchtimeout" value="4s"/>
      <script src="a.js" fetchtimeout="2s"/><form><block><data src="a.xml" maxage="1"/></block>
      <field name="f"><grammar mode="dtmf" src="a.grxml" maxstale="3" fetchtimeout="1s"/>
      <prompt><audio src="a.wav" fetchtimeout="3s"/></prompt></field><block><goto next="next.vxml"/></block></form>"""
    keys = f'<grammar xmlns="{SRGS_NS}" version="1.0" mode="dtmf" root="r"><rule id="r">1</rule></grammar>'
    heard = talk(body, "1", pages={"a.js": "1", "a.xml": "<a/>", "a.grxml": keys, "next.vxml": page("<form/>")})
    asked = {one.url.removeprefix(BASE): (one.timeout, one.max_age, one.max_stale) for one in heard.fetches[1:]}
    assert asked == {
        "a.js": (2.0, None, 5.0),
        "a.xml": (4.0, 1.0, None),
        "a.grxml": (1.0, 60.0, 3.0),
        "next.vxml": (4.0, 7.0, None),
    }
    assert [item for play in heard.commands if isinstance(play, Play) for item in play.items] == [
        AudioItem(BASE + "a.wav", (), 3.0, 9.0)
    ]


def test_audio_that_a_page_names_is_fetched_ahead_once() -> None:
    body = (
        '<property name="audiomaxage" value="9"/><form><block><prompt><audio src="a.wav">A</audio>'
        '<audio src="b.wav" fetchhint="safe"/><audio expr="\'c.wav\'"/><audio src="a.wav"/></prompt>'
        '<goto next="second.vxml"/></block></form>'
    )
    second = page('<form><block><audio src="a.wav"/><audio src="d.wav" maxage="x"/></block></form>')
    transcript = talk(body, pages={"second.vxml": second})
    ahead = [command.items for command in transcript.commands if isinstance(command, Prefetch)]
    assert ahead == [(AudioItem(BASE + "a.wav", timeout=10.0, max_age=9.0),)]


def test_a_page_that_wants_no_audio_ahead_gets_none() -> None:
    transcript = talk('<property name="audiofetchhint" value="safe"/><form><block><audio src="a.wav"/></block></form>')
    assert not [command for command in transcript.commands if isinstance(command, Prefetch)]


LATIN = '<?xml version="1.0"{}?>' + page("<form><block>Grüße</block></form>")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (LATIN.format("").encode("latin-1"), "application/voicexml+xml; charset=ISO-8859-1"),
        (LATIN.format(' encoding="utf-8"').encode("latin-1"), 'text/xml;charset="iso-8859-1"'),
        (LATIN.format(' encoding="iso-8859-1"').encode(), "text/xml; charset=utf-8"),
        (LATIN.format(' encoding="iso-8859-1"').encode("latin-1"), "text/xml"),
        (LATIN.format("").encode("utf-8-sig"), "text/xml; charset=iso-8859-1"),
        (LATIN.format("").encode(), "text/xml; charset=rot13"),
        (LATIN.format("").encode("utf-16"), "text/xml"),
    ],
)
def test_the_charset_of_the_transport_goes_before_the_documents_own(body: bytes, content_type: str) -> None:
    def fetch(request: Fetch) -> Fetched:
        return Fetched(request.id, request.url, 200, body, content_type)

    assert run_text(SessionConfig(BASE + "a"), fetch).prompts == ["Grüße"]
