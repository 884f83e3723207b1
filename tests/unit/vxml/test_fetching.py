"""What the interpreter asks to be fetched, and what the caller hears meanwhile (section 6.1)."""

from __future__ import annotations

from tests.support.voicexml import BASE, page, talk
from vxml.messages import AudioItem, FetchAudio, Trace


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
