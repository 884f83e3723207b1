"""What the interpreter asks to be fetched, and what the caller hears meanwhile (section 6.1)."""

from __future__ import annotations

from tests.support.voicexml import BASE, page, talk
from vxml.document import SRGS_NS
from vxml.messages import AudioItem, FetchAudio, Play, Trace


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
