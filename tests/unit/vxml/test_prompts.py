"""Prompts: what is said, as speech, audio and silence, in which order."""

from __future__ import annotations

from tests.support.voicexml import BASE, talk
from vxml.messages import AudioItem, BreakItem, Play, PromptItem, SpeechItem


def items(prompt: str, attributes: str = "") -> tuple[PromptItem, ...]:
    heard = talk(f"<form><block><prompt {attributes}>{prompt}</prompt></block></form>")
    return tuple(item for command in heard.commands if isinstance(command, Play) for item in command.items)


def test_plain_text_is_one_plain_item_in_the_prompts_language() -> None:
    assert items("Hello\n  <value expr=\"'you'\"/>.", 'xml:lang="de-DE"') == (SpeechItem("Hello you.", "de-DE"),)


def test_mark_up_makes_an_ssml_document_with_escaped_text() -> None:
    (item,) = items("a <emphasis level='strong'>b</emphasis> &amp; <value expr=\"'&lt;c&gt;'\"/>")
    assert isinstance(item, SpeechItem)
    assert item.ssml
    assert item.text == (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
        'a <emphasis level="strong">b</emphasis> &amp; &lt;c&gt;</speak>'
    )


def test_audio_splits_speech_and_keeps_the_mark_up_open_around_it() -> None:
    before, audio, after = items('<prosody rate="slow">one <audio src="beep.wav"/> two</prosody>')
    assert isinstance(before, SpeechItem)
    assert isinstance(after, SpeechItem)
    assert audio == AudioItem(BASE + "beep.wav")
    assert '<prosody rate="slow">one </prosody>' in before.text
    assert '<prosody rate="slow"> two</prosody>' in after.text


def test_audio_has_its_alternate_and_a_computed_or_missing_address() -> None:
    expr = "<audio expr=\"'a' + 1 + '.wav'\">instead</audio>"
    assert items(expr) == (AudioItem(BASE + "a1.wav", (SpeechItem("instead"),)),)
    assert items('<audio expr="undefined">instead</audio>') == (SpeechItem("instead"),)


def test_breaks_by_time_and_strength() -> None:
    assert items('a<break time="1.5s"/>b<break strength="weak"/><break strength="none"/>') == (
        SpeechItem("a"), BreakItem(1500), SpeechItem("b"), BreakItem(250),
    )  # fmt: skip


def test_prompts_with_the_highest_fitting_count_are_said_together() -> None:
    heard = talk(
        """<form><field name="a" type="digits"><prompt count="1">one</prompt><prompt count="1" cond="true">uno</prompt>
        <prompt count="3">three</prompt><prompt count="3" cond="false">drei</prompt>
        <noinput><reprompt/></noinput><noinput count="4"><exit/></noinput></field></form>""",
        "nnnn",
    )
    assert heard.prompts == ["one uno", "one uno", "three", "three"]


def test_prompts_are_queued_until_the_script_waits() -> None:
    heard = talk(
        """<form><block>first</block><block>second</block><field name="a" type="boolean">third</field></form>""", "1"
    )
    assert heard.prompts == ["first second third"]


def test_prompts_with_and_without_bargein_are_played_apart() -> None:
    heard = talk(
        '<form><block><prompt bargein="false">law</prompt><prompt>rest</prompt><prompt>more</prompt></block></form>'
    )
    plays = [command for command in heard.commands if isinstance(command, Play)]
    assert [(play.bargein, len(play.items)) for play in plays] == [(False, 1), (True, 2)]


def test_the_last_prompt_says_how_long_to_wait() -> None:
    def waited(prompts: str) -> list[str]:
        body = f'<form><field name="a" type="digits"><property name="timeout" value="7s"/>{prompts}</field></form>'
        return talk(body, "n").of("silence")[:1]

    assert waited("<prompt timeout='2s'>A</prompt><prompt timeout='3s'>B</prompt>") == ["3.0 s"]
    assert waited("<prompt timeout='2s'>A</prompt><prompt>B</prompt>") == ["7.0 s"]
    assert waited("<prompt timeout='2s'>A</prompt><prompt bargein='false'>B</prompt>") == ["7.0 s"]
    assert waited("") == ["7.0 s"]


def test_a_prompts_timeout_is_the_property_where_it_is_queued() -> None:
    body = """<property name="timeout" value="4s"/><form><block>Hello</block>
      <field name="a" type="digits"><property name="timeout" value="9s"/></field></form>"""
    assert talk(body, "n").of("silence")[:1] == ["4.0 s"]
